"""The memory predicted by `assistant-train memory` against the memory that training takes, and the time of a step.

    python tests/benchmarks/tuning_memory.py --shapes pocket small base

Models of three sizes have random weights; each case runs two updates in a new process. "measured" is the peak of the
process minus its memory before the model was built.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

# d_model, heads, d_ff, encoder layers, decoder layers, vocabulary; "base" is google/flan-t5-base's.
SHAPES = {
    "pocket": (256, 8, 768, 6, 3, 8192),
    "small": (512, 6, 1024, 8, 8, 32128),
    "base": (768, 12, 2048, 12, 12, 32128),
}


def main() -> None:
    """Measure every case and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--methods", nargs="+", default=["full", "lora", "prompt-tuning"])
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--length", type=int, default=192)
    parser.add_argument("--checkpointing", action="store_true", help="compute activations again")
    parser.add_argument("--case", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        _measure(*arguments.case, arguments.batch, arguments.length, arguments.checkpointing)
        return
    print(f"{arguments.batch} examples of {arguments.length} and 48 tokens, float32\n")
    print(
        "| shape | method | predicted MiB | measured MiB | ratio | CPU s a step |\n|---|---|---|---|---|---|",
        flush=True,
    )
    for shape in arguments.shapes:
        for method in arguments.methods:
            words = [sys.executable, __file__, "--case", shape, method]
            words += [f"--batch={arguments.batch}", f"--length={arguments.length}"]
            words += ["--checkpointing"] * arguments.checkpointing
            done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
            if done.returncode:
                raise SystemExit(done.stderr[-500:])
            row = json.loads(done.stdout.splitlines()[-1])
            ratio = row["measured"] / row["predicted"]
            print(
                f"| {shape} | {method} | {row['predicted']:.0f} | {row['measured']:.0f} | {ratio:.2f} "
                f"| {row['seconds']:.1f} |",
                flush=True,
            )


def _measure(shape: str, method: str, batch: int, length: int, checkpointing: bool) -> None:
    """Train two steps and print one JSON line."""
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    from training.runs.data.batches import Example
    from training.sft.config import MemoryConfig, SftConfig
    from training.sft.memory import predict
    from training.sft.methods import prepare
    from training.sft.seq2seq_trainer import Fit, fit

    width, heads, hidden, encoders, decoders, pieces = SHAPES[shape]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "model"
        pid = os.fork()
        if not pid:  # in another process, so that building the weights does not count
            settings = T5Config(
                d_model=width, num_heads=heads, d_kv=width // heads if shape != "small" else 64, d_ff=hidden,
                num_layers=encoders, num_decoder_layers=decoders, vocab_size=pieces, feed_forward_proj="gated-gelu",
                decoder_start_token_id=0, dropout_rate=0.0,
            )  # fmt: skip
            T5ForConditionalGeneration(settings).save_pretrained(folder)
            os._exit(0)
        os.waitpid(pid, 0)
        _tokenizer(folder, pieces)
        config = SftConfig(
            method=method, max_steps=2, save_every=2, batch_size=batch, patience=0, threads=1,  # type: ignore[arg-type]
            activation_checkpointing=checkpointing,
        )  # fmt: skip
        examples = [Example([*range(5, 4 + length), 1], [*range(5, 52), 1]) for _ in range(2 * batch)]
        torch.zeros(1) @ torch.zeros(1, 1)
        before = _resident()
        start = time.process_time()
        model = prepare(folder, None, config)
        fit(model, Fit(config, examples, examples[:1], Path(name) / "run", None))
        seconds = (time.process_time() - start) / 2
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        asked = MemoryConfig(batch_size=batch, length=length, target_length=48, activation_checkpointing=checkpointing)
        wanted = predict(folder, asked)
        print(
            json.dumps({"predicted": wanted["train"][method]["total"], "measured": peak - before, "seconds": seconds})
        )


def _tokenizer(folder: Path, pieces: int) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {f"w{i}": i for i in range(pieces - 3)}
    names = {"<pad>": 0, "</s>": 1, "<unk>": 2}
    vocabulary = names | {word: index + 3 for word, index in words.items()}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>", pad_token="<pad>", unk_token="<unk>")
    fast.save_pretrained(folder)


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


if __name__ == "__main__":
    main()
