#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the HTML pages of failing executions: their text, and in a headless
Chromium that keyboard and mouse step through them, what they then show, and
that they fit a desk and a phone, light and dark. Screenshots are left in --out.

usage: check_page.py --program model_pages --out DIR
exit: 0 as it should be, 1 not, 77 no Chromium, chromedriver or Selenium here
(the text has been checked all the same).
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

SKIP = 77
DESK, PHONE = (1280, 800), (390, 844)
failures = []


def expect(holds, what):
    if not holds:
        failures.append(what)
        print(f"FAILED: {what}", file=sys.stderr)


def expect_equal(got, wanted, what):
    expect(got == wanted, f"{what}: {got!r}, not {wanted!r}")


# --- Text ---------------------------------------------------------------------

def data_of(html):
    found = re.search(
        r'<script type="application/json" id="trace">(.*?)</script>', html, re.S)
    return json.loads(found.group(1))


def check_text(path):
    html = path.read_text(encoding="utf-8")
    name = path.stem
    expect(not re.search(r"https?:|//\w+\.\w|@import|<link|<img|url\((?!#)", html),
           f"{name}: refers to nothing outside of itself")
    expect_equal(len(re.findall(r"<script", html)), 2, f"{name}: script elements")
    data = data_of(html)
    expect(data["steps"], f"{name}: has steps")
    threads = len(data["threads"])
    for i, step in enumerate(data["steps"]):
        where = f"{name}, step {i + 1}"
        expect(0 <= step["thread"] < threads, f"{where}: has a thread")
        expect_equal(len(step["clock"]), threads, f"{where}: entries of its clock")
        source = step["from"]
        expect(source is None or -1 <= source < i, f"{where}: reads what is there")
        if source is not None and step["reads"]:
            written = data["steps"][source]["made"] if source >= 0 else \
                data["objects"][step["object"]]["initial"]
            expect_equal(step["seen"], written, f"{where}: the value read")
        expect(all(0 <= s < i for s in step["sync"]), f"{where}: is after earlier steps")
    return data


# --- Browser ------------------------------------------------------------------

class Page:
    """A page in a browser window of its own size and colours."""

    def __init__(self, driver, path, size=DESK, dark=False):
        self.driver = driver
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": size[0], "height": size[1], "deviceScaleFactor": 1,
            "mobile": size == PHONE})
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})
        driver.get("about:blank")
        driver.get(path.resolve().as_uri())

    def all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def one(self, selector):
        return self.driver.find_element("css selector", selector)

    def run(self, script):
        return self.driver.execute_script("return " + script)

    def press(self, *keys):
        from selenium.webdriver.common.action_chains import ActionChains
        chain = ActionChains(self.driver)
        for key in keys:
            chain.send_keys(key)
        chain.perform()

    def position(self):
        return self.one("#position").text

    def thread(self, number):
        return self.one(f'#threads dd[data-thread="{number}"]').text

    def memory(self, name):
        box = self.one(f'#memory .location[data-name="{name}"]')
        return [chip.text.replace("\n", " | ")
                for chip in box.find_elements("css selector", "li")]

    def arrows(self, kind):
        return [(int(a.get_attribute("data-from")), int(a.get_attribute("data-to")))
                for a in self.all(f"#arrows > path.{kind}")]

    def current(self):
        return [card.text.split()[0] for card in self.all(".step[aria-current]")]


def check_stepping(page, data):
    from selenium.webdriver.common.keys import Keys
    last = len(data["steps"])
    expect_equal(page.position(), f"step {last} of {last}", "it begins at the failure")
    page.press(Keys.HOME)
    expect_equal(page.position(), f"step 1 of {last}", "Home")
    page.press(Keys.ARROW_LEFT)
    expect_equal(page.position(), f"step 1 of {last}", "no step before the first")
    page.press(Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
    expect_equal(page.position(), f"step 3 of {last}", "two arrow keys")
    expect_equal(page.current(), ["3"], "the current step")
    page.press(Keys.ARROW_UP)
    expect_equal(page.position(), f"step 2 of {last}", "arrow up")
    page.press(Keys.END, Keys.ARROW_RIGHT)
    expect_equal(page.position(), f"step {last} of {last}", "End")
    page.one("#first").click()
    page.one("#next").click()
    expect_equal(page.position(), f"step 2 of {last}", "clicks on the buttons")
    page.one("#back").click()
    expect(not page.one("#first").is_enabled(), "no button leads before the first step")
    page.one("#last").click()
    expect_equal(page.position(), f"step {last} of {last}", "a click on the last button")
    page.all(".step")[3].click()
    expect_equal(page.position(), f"step 4 of {last}", "a click on a step")
    page.press(Keys.ARROW_RIGHT)
    expect_equal(page.run("document.activeElement.getAttribute('aria-current')"), "step",
                 "the focus goes with the steps")
    page.one("#slider").send_keys(Keys.HOME)
    expect_equal(page.position(), f"step 1 of {last}", "the slider")


def check_message_passing(page, data):
    from selenium.webdriver.common.keys import Keys
    check_stepping(page, data)
    expect_equal(page.thread(1), "is about to begin", "thread 1 at step 1")
    expect_equal(page.thread(2), "not begun", "thread 2 at step 1")
    expect_equal(page.memory("ready"), ["0 at first | may be read by T0 T1"],
                 "ready at step 1")
    page.all(".step")[3].click()
    expect(page.thread(1).startswith("failures.h:22\nready.store(true"),
           f"thread 1 at step 4: {page.thread(1)}")
    expect_equal(page.memory("ready"),
                 ["0 at first | may be read by T0 T2",
                  "1 step 4, thread 1 | may be read by T0 T1 T2"], "ready at step 4")
    expect_equal(page.memory("message"),
                 ["0 at first", "42 step 3, thread 1 | may be read by T1"],
                 "message at step 4")
    expect_equal(page.arrows("reads"), [], "nothing has been read at step 4")
    page.press(Keys.ARROW_RIGHT)
    expect_equal(page.arrows("reads"), [(4, 5)], "what the load reads from")
    expect_equal(page.arrows("sync"), [(1, 3), (2, 5)],
                 "a relaxed store orders nothing")
    page.one("#show-sync").click()
    expect_equal(page.arrows("sync"), [], "arrows that are switched off")
    page.one("#last").click()
    expect("fails, at failures.h:25" in page.thread(2), f"thread 2: {page.thread(2)}")
    expect_equal(page.arrows("conflict"), [(3, 6)], "the two sides of the race")
    expect_equal(page.arrows("reads"), [(4, 5)], "a race is no reading from")
    expect("data_race" in page.one(".step.failed").text, "the failing step says why")


def check_stale_read(page, data):
    stale = [i for i, s in enumerate(data["steps"]) if s["stale"]]
    expect_equal(len(stale), 1, "stale reads")
    card = page.all(".step")[stale[0]]
    card.click()
    expect("stale" in card.text and "reads 1 from data" in card.text,
           f"the stale read: {card.text}")
    expect_equal([m.split(" |")[0] for m in page.memory("data")],
                 ["0 at first", "1 step 2, thread 1", "2 step 3, thread 1"],
                 "the modification order")
    touched = page.all('.location[data-name="data"] li.touched')
    expect_equal([chip.text[0] for chip in touched], ["1"], "the write that was read")
    expect(not any("T0" in m for m in page.memory("data")[:1]),
           "what has been read hides what is before it")


def check_handed_over(page, data):
    expect("<script>" in page.one("header").text, "a message is shown as it is")
    expect(page.driver.title != "run", "and is never run")
    steps = data["steps"]
    store = next(i for i, s in enumerate(steps) if s["what"].startswith("writes 1 to state"))
    update = next(i for i, s in enumerate(steps) if "becomes 2" in s["what"])
    page.all(".step")[update].click()
    expect((store + 1, update + 1) in page.arrows("sync"), "release and acquire")
    expect((store + 1, update + 1) in page.arrows("reads"), "reads from")
    expect_equal([m for m in page.memory("goods") if "7" in m],
                 [f"7 step {store}, thread 1 | may be read by T0 T1"], "goods are ordered")


def check_two_locks(page, _):
    page.one("#last").click()
    for t in 0, 1:
        expect(page.thread(t).startswith("sleeps on the futex"), f"thread {t} sleeps")


def check_fits(page, name, dark):
    wide = page.run("document.documentElement.scrollWidth - window.innerWidth")
    expect(wide <= 0, f"{name}: {wide} pixels too wide")
    red, green, blue = map(int, re.findall(
        r"\d+", page.run("getComputedStyle(document.body).backgroundColor"))[:3])
    expect((red + green + blue < 128 * 3) == dark, f"{name}: dark: {dark}")
    hidden = page.run("""[...document.querySelectorAll('.bar button, .bar input')].filter(
        (b) => { const r = b.getBoundingClientRect();
                 return r.left < 0 || r.right > innerWidth || r.width < 24; }).length""")
    expect_equal(hidden, 0, f"{name}: controls out of reach")
    overlaps = page.run("""[...document.querySelectorAll('.step')].filter(
        (card) => card.scrollWidth > card.clientWidth + 1).length""")
    expect_equal(overlaps, 0, f"{name}: steps whose text sticks out")


def check_quiet(page, name):
    expect_equal(page.run("performance.getEntriesByType('resource').length"), 0,
                 f"{name}: resources fetched")
    # (The driver asks for the icon of a site, which a file has not.)
    log = [entry["message"] for entry in page.driver.get_log("browser")]
    expect_equal(log, [], f"{name}: messages of the browser")


CHECKS = {
    "message_passing": check_message_passing,
    "stale_read": check_stale_read,
    "handed_over": check_handed_over,
    "two_locks": check_two_locks,
}


def open_browser():
    """A driver, or in words why there is none."""
    try:
        from selenium import webdriver
        from selenium.common.exceptions import WebDriverException
        from selenium.webdriver.chrome.service import Service
    except ImportError:
        return "Selenium is not here (Debian: python3-selenium)"
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not browser or not driver:
        return "no Chromium with its driver here (Debian: chromium chromium-driver)"
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in ("--headless=new", "--disable-dev-shm-usage", "--hide-scrollbars",
                     "--disable-gpu"):
        options.add_argument(argument)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    try:
        return webdriver.Chrome(service=Service(driver), options=options)
    except WebDriverException as error:
        return f"Chromium does not start here: {error.msg}"


def check_in_browser(driver, pages, out):
    for path, data in pages.items():
        name = path.stem
        page = Page(driver, path)
        if name in CHECKS:
            CHECKS[name](page, data)
        check_quiet(page, name)
        for size in DESK, PHONE:
            for dark in False, True:
                shot = f"{name}-{'phone' if size == PHONE else 'desk'}" \
                       f"-{'dark' if dark else 'light'}"
                page = Page(driver, path, size, dark)
                check_fits(page, shot, dark)
                expect(driver.save_screenshot(str(out / f"{shot}.png")),
                       f"{shot}: a screenshot")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--out", required=True, type=Path)
    arguments = parser.parse_args()
    out = arguments.out
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    subprocess.run([arguments.program, str(out)], check=True)
    pages = {path: check_text(path) for path in sorted(out.glob("*.html"))}
    expect(set(CHECKS) <= {path.stem for path in pages}, "every page is there")
    driver = open_browser()
    if not isinstance(driver, str):
        try:
            check_in_browser(driver, pages, out)
        finally:
            driver.quit()
    if failures:
        return 1
    if isinstance(driver, str):
        print(f"SKIPPED: the text of {len(pages)} pages is right; {driver}")
        return SKIP
    print(f"{len(pages)} pages are right; screenshots in {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
