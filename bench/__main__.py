import signal
import sys

import rich_click as click
from rich.console import Console

from bench import report
from bench.house import open_house
from bench.load import wrk_version
from bench.machine import describe
from bench.measuring import FULL, PARTS, QUICK, Pace, bar, measure


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="Fewer and shorter rounds: five minutes.")
@click.option("--only", "parts", multiple=True, type=click.Choice(PARTS), help="One part; may be given several times.")
@click.option(
    "--page", is_flag=True, help="Write docs/benchmarks.md from a quick run too, or with parts measured anew."
)
def main(*, quick: bool, page: bool, parts: tuple[str, ...]) -> None:
    """Measure Tradepost beside the database's own limit and an ORM.

    Results go to bench/results/latest.json; those of a run of all parts that is not quick also to docs/benchmarks.md.
    With --only and --page, parts take the place of those in the latest results, and the page says which.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if wrk_version() is None:
        click.echo("wrk makes the load and is not installed: apt-get install wrk", err=True)
        sys.exit(2)
    anew = parts if page else ()
    if anew and not report.JSON_FILE.exists():
        click.echo("--only with --page takes the other parts from the last results, and there are none", err=True)
        sys.exit(2)
    with bar() as progress, open_house() as house:
        machine = describe(house)
        results = measure(house, QUICK if quick else FULL, parts or PARTS, Pace(progress))
    report.show(results, Console())
    if anew:
        results = report.latest().with_anew(results)
    report.write_json(results, machine, quick=quick)
    if page or not (quick or parts):
        report.write_page(results, machine, quick=quick, anew=anew)
    sys.exit(results.invariants_held is False)


main()
