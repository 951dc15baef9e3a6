"""app: the command that all others belong to."""

import typer

app = typer.Typer(
    name="course",
    help="Reliable knowledge distillation: mixup, distillation and calibration, measured.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
MISTAKE = 2
STOPPED = 130
