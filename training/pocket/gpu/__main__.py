"""`python -m training.pocket.gpu`. Each command imports what it needs when called, because the machine with the GPU has
few packages.
"""

import argparse
import json
import signal
import sys
from pathlib import Path


def main() -> None:
    """Run the command line. Errors are printed as one line."""
    from assistant.errors import AssistantError

    arguments = _parser().parse_args()
    try:
        print(json.dumps(_COMMANDS[arguments.command](arguments), indent=2))
    except AssistantError as error:
        sys.exit(f"training.pocket.gpu: {error}")


def _prepare(arguments: argparse.Namespace) -> object:
    from training.pocket.gpu.preparing import prepare

    return prepare(arguments.mixture, arguments.out)


def _train(arguments: argparse.Namespace) -> object:
    import torch

    from training.pocket.gpu.training import Options, train

    stopped: list[int] = []
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda number, frame: stopped.append(number))
    device = arguments.device or ("cuda" if torch.cuda.is_available() else "cpu")
    given = {name: value for name in Options.__annotations__ if (value := getattr(arguments, name, None)) is not None}
    finished = train(arguments.bundle, arguments.out, Options(**given), device, lambda steps: bool(stopped))
    return {"out": str(arguments.out), "finished": finished}


def _export(arguments: argparse.Namespace) -> object:
    from training.pocket.gpu.exporting import export

    return export(arguments.trained, arguments.bundle, arguments.out, arguments.licence)


_COMMANDS = {"prepare": _prepare, "train": _train, "export": _export}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.pocket.gpu", description="Train a larger pocket on a GPU."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    prepare = commands.add_parser("prepare", help="write a bundle: tokenizer, shape and data as token ids")
    prepare.add_argument("mixture", type=Path, help="TOML file that names the data")
    train = commands.add_parser("train", help="train on a bundle, or go on with a training")
    train.add_argument("bundle", type=Path)
    train.add_argument("--minutes", type=float, help="time in minutes, 8 by default")
    train.add_argument("--max-steps", type=int, help="steps, instead of minutes")
    train.add_argument("--step-tokens", type=int, help="source tokens of a step, 65,536 by default")
    train.add_argument("--rate", type=float, help="learning rate of Muon, 0.02 by default")
    train.add_argument("--workers", type=int, help="processes that draw batches, 8 by default")
    train.add_argument("--device", help="cuda or cpu; cuda by default where there is one")
    export = commands.add_parser("export", help="write the trained model as a folder that Parley serves")
    export.add_argument("trained", type=Path, help="the folder that train wrote")
    export.add_argument("bundle", type=Path)
    export.add_argument("--licence", default="", help="of the weights; it depends on the data")
    for command in (prepare, train, export):
        command.add_argument("-o", "--out", type=Path, required=True, help="folder to write")
    return parser


if __name__ == "__main__":
    main()
