"""The page in a real browser: layout on a phone and a desk, sorting, filtering, light and dark, no scripts."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs Debian's chromium and chromium-driver")

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--force-prefers-reduced-motion",
)  # fmt: skip
COLOURS = """
const style = getComputedStyle(document.documentElement);
return ["--paper", "--ink", "--soft", "--accent", "--warn"].map((name) => style.getPropertyValue(name).trim());
"""
PHONE, DESK = (390, 844), (1280, 900)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory, grid_report: Path) -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with Chrome(options, Service(str(DRIVER))) as chrome:
        chrome.get((grid_report / "index.html").as_uri())
        yield chrome


def set_size(browser: Chrome, size: tuple[int, int]) -> None:
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def column(browser: Chrome, place: int) -> list[str]:
    rows = browser.find_elements(By.CSS_SELECTOR, "#cell-table tbody tr")
    return [row.find_elements(By.TAG_NAME, "td")[place].text for row in rows if row.is_displayed()]


@pytest.mark.parametrize("size", [PHONE, DESK])
def test_nothing_is_wider_than_the_screen(browser: Chrome, size: tuple[int, int]) -> None:
    set_size(browser, size)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= size[0]
    widths = browser.execute_script("return [...document.querySelectorAll('.plot svg')].map((svg) => svg.clientWidth)")
    assert len(widths) >= 17
    assert min(widths) >= 600, "figures stay legible: on a phone they scroll sideways"
    assert browser.find_element(By.TAG_NAME, "h1").is_displayed()


def test_a_click_sorts_and_another_turns_it_round(browser: Chrome) -> None:
    set_size(browser, DESK)
    head = next(
        b for b in browser.find_elements(By.CSS_SELECTOR, "th button") if b.text.startswith("Training throughput")
    )
    place = len(
        browser.find_elements(By.XPATH, "//th[button[starts-with(., 'Training throughput')]]/preceding-sibling::th")
    )
    unsorted = column(browser, place)
    head.send_keys(Keys.ENTER)
    numbers = [float(text.split()[0].replace(",", "")) for text in column(browser, place)]
    assert numbers == sorted(numbers)
    assert column(browser, place) != unsorted
    head.click()
    turned = [float(text.split()[0].replace(",", "")) for text in column(browser, place)]
    assert turned == sorted(numbers, reverse=True)
    assert browser.find_element(By.XPATH, "//th[@aria-sort]").get_attribute("aria-sort") == "descending"


def test_the_filter_keeps_cells_that_have_all_its_words(browser: Chrome) -> None:
    field = browser.find_element(By.ID, "filter")
    field.send_keys("dense1 off")
    assert set(column(browser, 2)) == {"dense1"}
    assert set(column(browser, 3)) == {"off"}
    assert browser.find_element(By.ID, "count").text == "2 of 8 cells"
    field.clear()
    field.send_keys(" ")
    assert browser.find_element(By.ID, "count").text == "8 of 8 cells"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_in_light_and_dark(browser: Chrome, scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    paper, *texts = map(luminance, browser.execute_script(COLOURS))
    ratios = [(max(paper, text) + 0.05) / (min(paper, text) + 0.05) for text in texts]
    assert min(ratios) >= 4.5, "WCAG AA"


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_every_picture_has_a_text_and_every_control_a_name(browser: Chrome) -> None:
    for picture in browser.find_elements(By.CSS_SELECTOR, ".plot svg"):
        assert picture.get_attribute("role") == "img"
        assert len(picture.get_attribute("aria-label") or "") > 40
    names = [e.accessible_name for e in browser.find_elements(By.CSS_SELECTOR, "button, input, a, [tabindex='0']")]
    assert len(names) > 20
    assert all(names)


def test_the_console_is_silent(browser: Chrome) -> None:
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]  # Selenium gives it no types


def test_it_reads_without_scripts(browser: Chrome) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.refresh()
    assert len(browser.find_elements(By.CSS_SELECTOR, "#cell-table tbody tr")) == 8
    assert not browser.find_element(By.ID, "filter").is_displayed()
    assert browser.find_element(By.CSS_SELECTOR, "#figure-speed svg").is_displayed()
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
