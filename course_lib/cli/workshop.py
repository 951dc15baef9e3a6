"""workshop: ``course workshop``, the explorers as one story, and a room that answers."""

from typing import Annotated

import typer

from course_lib.cli.app import app


@app.command()
def workshop(
    tally: Annotated[
        bool, typer.Option("--tally", help="Let a room answer the questions from its own laptops and phones.")
    ] = False,
    host: Annotated[
        str,
        typer.Option(help="Where the room's page listens; 0.0.0.0 lets the local network in, with the room's code."),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the story.", show_default="a free one")] = 0,
    tally_port: Annotated[int, typer.Option(min=0, max=65535, help="Of the room's page; 0 takes a free one.")] = 8867,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the browser when all is ready.")] = True,
) -> None:
    """Start a talk of 20 minutes: the explorers as one page, offline."""
    from course_lib.workshop.serving import Wanted, run

    run(Wanted(port, tally, tally_port, host, browser))
