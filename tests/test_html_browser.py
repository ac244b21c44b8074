"""The HTML report in a real browser: offline, in both schemes, on paper, with a filter, and without script."""

from __future__ import annotations

import io
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import drills
import pytest
import reports

from scanner.finding import Status
from scanner.reporters import REPORTERS

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
AXE = "axe.run(document, {resultTypes: ['violations']}).then(found => JSON.stringify(found.violations.map(one =>"
AXE += " [one.id, one.impact, one.nodes.map(node => node.html.slice(0, 120))])))"
CLICKED = """[...document.querySelectorAll("a[data-status]")].map(link => {
  link.click();
  const rows = [...document.querySelectorAll("#groups tbody tr")].filter(row => row.checkVisibility());
  return [Number(link.textContent.match(/[0-9]+/)[0]), rows.length, link.outerHTML];
})"""
pytestmark = pytest.mark.enable_socket


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return the address of each sample report, by name."""
    folder = tmp_path_factory.mktemp("html")
    found = {name: folder / f"{name}.html" for name in ("sample", "hostile", "large")}
    for name, path in found.items():
        out = io.StringIO()
        REPORTERS["html"].write({"large": large, "sample": drilled}.get(name, reports.hostile)(), out)
        path.write_text(out.getvalue(), encoding="utf-8")
    return {name: path.as_uri() for name, path in found.items()}


def drilled():
    """Return the sample with workloads of every outcome."""
    return replace(reports.sample(), recoveries=tuple(one.outline() for one in drills.sample().drill.recoveries))


def large():
    """Return a report with two thousand failures in forty teams."""
    found = [
        reports.finding(reports.PARITY_RULE, Status.FAIL, reports.repository(f"team-{at % 40}/{at}"), "It differs.")
        for at in range(2000)
    ]
    return replace(reports.sample(), findings=tuple(found))


@pytest.fixture
def page(browser):
    """Return a page that fails its test if anything is asked for, or the console complains."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    yield page
    assert {url.partition("#")[0] for url in asked} == {page.url.partition("#")[0]}
    assert said == []
    context.close()


def shown(page) -> int:
    return page.locator("#groups tbody tr:visible").count()


def judged(page) -> list[object]:
    """Return what axe finds wrong, from outside the page's policy."""
    if not os.environ.get("AXE_CORE"):
        pytest.skip("AXE_CORE does not name axe.min.js")
    session = page.context.new_cdp_session(page)
    session.send("Runtime.evaluate", {"expression": Path(os.environ["AXE_CORE"]).read_text(encoding="utf-8")})
    answer = session.send("Runtime.evaluate", {"expression": AXE, "awaitPromise": True, "returnByValue": True})
    return json.loads(answer["result"]["value"])


def test_axe_finds_nothing_in_light_dark_and_on_a_phone(page, files):
    page.goto(files["sample"])
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    for scheme, width in (("light", 1280), ("dark", 1280), ("light", 390)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        assert judged(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def told(page, text: str) -> None:
    from playwright.sync_api import expect

    expect(page.locator("#matches")).to_have_text(text)


def test_names_neither_break_the_page_nor_its_accessibility(page, files):
    page.goto(files["hostile"])
    assert page.evaluate("document.documentElement.scrollWidth") == 1280
    assert judged(page) == []


def test_filter(page, files):
    page.goto(files["sample"])
    assert shown(page) == 10
    page.get_by_label("Status").select_option("fail")
    told(page, "5 of 10 findings match")
    assert shown(page) == 5
    page.get_by_label("Region").select_option("eu-central-1")
    told(page, "1 of 10 findings match")
    assert page.locator("#groups tbody tr:visible td").first.text_content().startswith("ledger")
    page.get_by_role("button", name="Show all").click()
    told(page, "10 findings")
    page.get_by_label("Text").fill("Parity SANDBOX")
    told(page, "1 of 10 findings match")


def test_counts_lead_to_the_rows_they_count(page, files):
    page.goto(files["sample"])
    counts = page.evaluate(CLICKED)
    assert len(counts) > 10
    for counted, found, link in counts:
        assert found == counted, link


def test_two_thousand_findings_can_be_filtered(page, files):
    page.goto(files["large"])
    page.get_by_label("Text").fill("team-7/")
    told(page, "50 of 2,000 findings match")


def test_keyboard_reaches_the_report_and_opens_a_finding(page, files):
    page.goto(files["sample"])
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the report"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    summary = page.locator("#groups tbody summary").first
    summary.focus()
    page.keyboard.press("Enter")
    assert page.get_by_text("ecs:DescribeServices").first.is_visible()


def test_paper_has_every_finding_with_its_evidence(page, files):
    page.goto(files["sample"])
    page.emulate_media(media="print")
    assert page.locator("#groups tbody dl").first.is_visible()
    assert not page.locator("#filter").is_visible()
    assert page.pdf().startswith(b"%PDF-")


def test_without_script_all_but_the_filter_works(browser, files):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(files["sample"])
    assert not page.locator("#filter").is_visible()
    assert shown(page) == 10
    page.locator("#groups tbody summary").first.click()
    assert page.get_by_text("ecs:DescribeServices").first.is_visible()
    context.close()


def test_a_script_that_somebody_adds_or_alters_does_not_run(browser, files, tmp_path):
    text = Path(files["sample"].removeprefix("file://")).read_text(encoding="utf-8")
    altered = text.replace('"use strict";', '"use strict";document.title="owned";')
    added = altered.replace(
        "</main>", '<script>document.title="owned"</script><img src=x onerror="document.title=1"></main>'
    )
    (tmp_path / "altered.html").write_text(added, encoding="utf-8")
    page = browser.new_page()
    page.goto((tmp_path / "altered.html").as_uri())
    assert page.title().startswith("Recovery readiness")
    assert not page.locator("#filter").is_visible()
    page.close()
