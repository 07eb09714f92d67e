"""The stages of `assistant-train`: the function of each, its configuration and its output."""

from dataclasses import dataclass

INPUTS = ("data", "dev", "columns", "model", "out", "track", "resume")
"""General flags for what a stage reads and where it writes. `Stage.inputs` names those that the stage uses."""
DEV = "Held-out data. Without it, part of --data is held out."


@dataclass(frozen=True)
class Stage:
    """A stage.

    `run` takes a `training.runs.job.Job` and returns its result as JSON values, and `show` formats that result as text.
    `check` raises an error for an invalid job before `run`'s libraries are imported. `plan` returns more facts for a
    dry run. `reads_rows` is False if the data are documents. Functions and structs are given as "module:name".

    `inputs` are the names from INPUTS that the stage uses, and `dev` is the help of `--dev`. `operands` are positional
    arguments, with the help `operand`. `common` are the options that `--help` shows; the others also work as flags and
    in `--config`, and are listed in the reference.
    """

    run: str
    config: str
    help: str
    examples: tuple[str, ...]
    common: tuple[str, ...]
    inputs: tuple[str, ...] = INPUTS
    dev: str = DEV
    operands: tuple[str, ...] = ()
    operand: str = "Model, baseline (lead-1, lead-3) or file of predictions."
    show: str = "training.runs.tables:plain"
    check: str = ""
    plan: str = ""
    reads_rows: bool = True


STAGES: dict[str, Stage] = {
    "pocket": Stage(
        run="training.pocket.stage:run",
        config="training.pocket.config:PocketConfig",
        help="Train a small summarizer from scratch: tokenizer, model, conversion and card.",
        examples=(
            "--data train.jsonl --dev dev.jsonl -o my-model",
            "--resume",
            "--data train.jsonl --minutes 5 --dry-run",
        ),
        common=(
            "minutes",
            "max_steps",
            "encoder_layers",
            "decoder_layers",
            "width",
            "precision",
            "learning_rate",
            "denoise",
            "groups",
            "dropout",
            "blend",
            "licence",
            "seed",
        ),
    ),
    "sft": Stage(
        run="training.sft.stage:run",
        config="training.sft.config:SftConfig",
        help="Fine-tune a model on conversations and summaries, measure gain and forgetting, and register a version.",
        examples=(
            "--data train.jsonl --dev dev.jsonl --model pocket",
            "--data train.jsonl --method full --forgetting other-tasks.jsonl",
            "--rated --model current --method lora",
            "--resume",
        ),
        common=(
            "method",
            "rank",
            "learning_rate",
            "epochs",
            "max_steps",
            "batch_size",
            "accumulation",
            "rated",
            "replay",
            "teacher",
            "forgetting",
            "judge",
            "download",
            "seed",
        ),
        show="training.sft.outcome:show",
        plan="training.sft.stage:plan",
    ),
    "adapt": Stage(
        run="training.sft.adapt:run",
        config="training.sft.config:AdaptConfig",
        reads_rows=False,
        help="Continue pre-training on your documents, for a domain with its own vocabulary.",
        examples=(
            "--data handbooks/ --model current --method full",
            "--data notes.md --dev-summaries dev.jsonl",
            "--resume",
        ),
        common=(
            "method",
            "rank",
            "learning_rate",
            "epochs",
            "max_steps",
            "batch_size",
            "accumulation",
            "chunk_tokens",
            "dev_summaries",
            "forgetting",
            "seed",
        ),
        inputs=("data", "model", "out", "track", "resume"),
        show="training.sft.outcome:show",
        plan="training.sft.adapt:plan",
    ),
    "memory": Stage(
        run="training.sft.memory:run",
        config="training.sft.config:MemoryConfig",
        help="Estimate the memory to store, serve and tune a model, without loading it.",
        examples=("pocket", "google/flan-t5-base --batch-size 16 --length 512", "current --json"),
        common=(
            "batch_size",
            "length",
            "target_length",
            "rank",
            "virtual_tokens",
            "precision",
            "activation_checkpointing",
        ),
        inputs=(),
        operands=("reference",),
        operand="Model reference: current, pocket, a Hub id, a path, or a registry version.",
        show="training.sft.memory:show",
    ),
    "reward": Stage(
        run="training.reward.stage:run",
        config="training.reward.config:RewardConfig",
        help="Train a reward model from your ratings, or from preference pairs in files.",
        examples=(
            "",
            "--data pairs.jsonl --method counted",
            "--data summaries.jsonl --dev dev.jsonl -o warm",
            "--resume",
        ),
        common=("method", "base", "warm_start", "constitution", "epochs", "max_steps", "dev_share", "seed"),
        inputs=("data", "dev", "columns", "out", "track", "resume"),
        show="training.runs.tables:reward",
        plan="training.reward.stage:plan",
    ),
    "constitution": Stage(
        run="training.reward.ai_feedback.stage:run",
        config="training.reward.config:ConstitutionConfig",
        help="Judge drafts by principles. Pairs and revisions go to the rater `constitution`, apart from people's.",
        examples=(
            "--data drafts.jsonl -o pairs.jsonl",
            "--data dialogues.jsonl --model current --drafts 4 -o pairs.jsonl",
            "--data drafts.jsonl --principles mine.toml -o pairs.jsonl",
        ),
        common=("principles", "drafts", "ask", "max_steps", "seed"),
        inputs=("data", "dev", "columns", "model", "out"),
        dev="People's pairs, to measure how far the principles agree with them.",
    ),
    "score": Stage(
        run="training.reward.score:run",
        config="training.reward.config:ScoreConfig",
        help="Score texts by a reward: human preference, support, roles, harmlessness, form.",
        examples=(
            "--data answers.jsonl -o scored.jsonl",
            "--data answers.jsonl --model r1 --json",
            "--data answers.jsonl --reward human:r1 --reward=-1*unsupported",
        ),
        common=("reward", "batch_size", "max_steps", "seed"),
        inputs=("data", "columns", "model", "out"),
    ),
    "ppo": Stage(
        run="training.ppo.stage:run",
        config="training.ppo.config:PpoConfig",
        help="Align a model with a reward by PPO. A copy of its adapter is trained and kept close to the original.",
        examples=(
            "--data dialogues.jsonl --model pocket --reward length:20",
            "--data dialogues.jsonl --reward human --reward=-0.5*unsupported",
            "--data dialogues.jsonl --config ppo.toml --max-steps 500",
            "--resume",
        ),
        common=(
            "method",
            "reward",
            "samples",
            "max_steps",
            "batch_size",
            "learning_rate",
            "kl_coefficient",
            "kl_target",
            "best_max_kl",
            "anchor",
            "max_new_tokens",
            "judge_every",
            "seed",
        ),
        show="training.runs.curves:show",
        plan="training.ppo.stage:plan",
    ),
    "prefer": Stage(
        run="training.prefer.stage:run",
        config="training.prefer.config:PreferConfig",
        help="Learn from pairs and thumbs directly, without a reward model: DPO, IPO, ORPO, KTO, SimPO.",
        examples=(
            "",
            "--method dpo --data pairs.jsonl --model pocket",
            "--method kto --data thumbs.jsonl --dev held-out.jsonl",
            "--method simpo --data pairs.jsonl --beta 2.5 --margin 1.2 -o adapter",
            "--data pairs.jsonl --dry-run",
            "--resume",
        ),
        common=(
            "method",
            "beta",
            "margin",
            "epochs",
            "max_steps",
            "batch_size",
            "learning_rate",
            "held_out",
            "judge_every",
            "max_kl",
            "download",
            "seed",
        ),
        show="training.runs.curves:show",
        plan="training.prefer.stage:plan",
    ),
    "rlhf": Stage(
        run="training.rlhf.stage:run",
        config="training.rlhf.config:RlhfConfig",
        help="Run the whole loop: train a reward from ratings, train a candidate, promote it if it passes the gate.",
        examples=(
            "",
            "--data rankings.jsonl --dev held-out.jsonl --model pocket",
            "--method dpo --skip promotion",
            "--skip promotion --max-steps 20",
            "--resume",
        ),
        common=(
            "method",
            "skip",
            "max_steps",
            "learning_rate",
            "reward_method",
            "support_weight",
            "repetition_weight",
            "harm_weight",
            "length_weight",
            "length_words",
            "max_kl",
            "kl_coefficient",
            "drafts",
            "seed",
        ),
        inputs=("data", "dev", "columns", "model", "track", "resume"),
        dev="Unrated conversations of your own, with or without summaries: for the gate and for practice.",
        show="training.runs.tables:loop",
        check="training.rlhf.ratings:require_pairs",
        plan="training.rlhf.stage:plan",
    ),
    "evaluate": Stage(
        run="training.evaluation.stage:run",
        config="training.evaluation.config:EvaluateConfig",
        help="Evaluate a model's summaries against references, with confidence intervals.",
        examples=(
            "--data dev.jsonl --model pocket",
            "--data dev.jsonl --model lead-3 --json",
            "--data dev.jsonl --predictions summaries.jsonl",
            "--data dev.jsonl --model pocket --modes all --swap",
            "--suite questions.jsonl --model current",
            "--data dev.jsonl --report result.html",
        ),
        common=(
            "modes",
            "predictions",
            "suite",
            "report",
            "swap",
            "learned",
            "toxicity_model",
            "download",
            "max_steps",
            "decoding",
            "beams",
            "faithful",
            "seed",
        ),
        inputs=("data", "columns", "model", "out"),
        show="training.runs.tables:evaluation",
    ),
    "compare": Stage(
        run="training.evaluation.comparison:run",
        config="training.evaluation.config:CompareConfig",
        help="Compare two models on the same conversations: paired differences, wins, and the largest differences.",
        examples=(
            "pocket lead-3 --data dev.jsonl",
            "before.jsonl after.jsonl --data dev.jsonl --by rougeL",
        ),
        common=("by", "show", "modes", "report", "learned", "max_steps", "decoding", "beams", "faithful", "seed"),
        inputs=("data", "columns"),
        operands=("first", "second"),
        show="training.runs.tables:comparison",
    ),
}
