#!/usr/bin/env python3
"""How quick the web console is, in headless Chromium: from its address to the first paint, from a change of
the recipe to its preview, and with five thousand pictures in one batch. Needs target/release/pixmill and
chromedriver (`make bench-console` sees to both). What was measured is written to benches/CONSOLE.md."""

import datetime
import json
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
PIXMILL = TOP / "target/release/pixmill"
WORK = TOP / "target/bench-console"
REPORT = Path(os.environ.get("REPORT", TOP / "benches/CONSOLE.md"))
LOADS = 20
CHANGES = 30
MANY = 5000
PATIENCE = 150

# Before any script of the page: when it can be used, which is when the drop target or a list is there.
WITNESS = """
new PerformanceObserver((list) => { for (const one of list.getEntries())
    if (one.name === 'first-contentful-paint') window.paintedAt = one.startTime; })
    .observe({ type: 'paint', buffered: true });
const look = () => {
    if (document.querySelector('#main h1') && document.querySelector('#run')) window.readyAt = performance.now();
    else requestAnimationFrame(look); };
requestAnimationFrame(look);
"""

# From an input to the picture that shows it.
CHANGE = """
const [width] = arguments;
const box = document.querySelector('[data-parameter=width] .num');
const stage = document.querySelector('.stage');
const image = stage.querySelector('.under');
const before = image.src;
const began = performance.now();
box.value = width;
box.dispatchEvent(new InputEvent('input', { bubbles: true }));
while (image.src === before || !stage.dataset.preview.includes(width)) await new Promise(requestAnimationFrame);
await image.decode();
return performance.now() - began;
"""

DROP = """
const [bytes, many] = arguments;
const transfer = new DataTransfer();
for (let n = 0; n < many; n += 1) transfer.items.add(new File([new Uint8Array(bytes)],
    `p${String(n).padStart(4, '0')}.png`, { lastModified: n }));
const began = performance.now();
document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
while (!document.querySelector('#run').textContent.includes('5,000')) await new Promise(requestAnimationFrame);
return performance.now() - began;
"""

SCROLL = """
const frames = [];
let before = performance.now();
for (let n = 0; n < 240; n += 1) {
    scrollBy(0, n < 120 ? 777 : -777);
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    frames.push(now - before);
    before = now;
}
return frames;
"""


class Browser:
    """A window of Chromium, driven as the standard for drivers has it."""

    def __init__(self):
        self.driver = subprocess.Popen(
            ["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        said = next(line for line in self.driver.stdout if "successfully on port" in line)
        self.port = re.search(r"on port (\d+)", said)[1]
        self.path = ""
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     "--enable-precise-memory-info", f"--user-data-dir={WORK / 'profile'}"]
        wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": arguments},
                  "unhandledPromptBehavior": "accept", "timeouts": {"script": PATIENCE * 1000}}}}
        made = self.ask("POST", "/session", wanted)
        self.path = f"/session/{made['sessionId']}"
        self.version = made["capabilities"]["browserVersion"]
        self.tool("Page.addScriptToEvaluateOnNewDocument", {"source": WITNESS})
        self.tool("Emulation.setDeviceMetricsOverride",
                  {"width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": False})

    def ask(self, method, path, body=None):
        data = json.dumps(body or {}).encode() if method == "POST" else None
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{self.path}{path}", data, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)["value"]

    def tool(self, command, parameters):
        return self.ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def script(self, script, *arguments):
        whole = f"return (async (...arguments) => {{ {script} }})(...arguments)"
        return self.ask("POST", "/execute/sync", {"script": whole, "args": list(arguments)})

    def until(self, expression):
        deadline = time.monotonic() + PATIENCE
        while not self.script(f"return Boolean({expression})"):
            if time.monotonic() > deadline:
                sys.exit(f"in vain: {expression}")
            time.sleep(0.02)

    def go(self, address):
        self.ask("POST", "/url", {"url": "about:blank"})
        self.ask("POST", "/url", {"url": address})

    def end(self):
        self.ask("DELETE", "")
        self.driver.terminate()


def serve():
    """A server, and a worker with all cores; and where they are."""
    data = ["--data", str(WORK / "data")]
    server = subprocess.Popen([PIXMILL, "producer", *data, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
    at = next(line for line in server.stdout if "Serving at" in line).split()[-1]
    worker = subprocess.Popen([PIXMILL, "consumer", *data], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return at, [server, worker]


def loads(browser, address, cold):
    times = []
    for _ in range(LOADS):
        if cold:
            browser.tool("Network.clearBrowserCache", {})
        browser.go(address)
        browser.until("window.readyAt && window.paintedAt")
        times.append(browser.script("return [paintedAt, readyAt]"))
    return [[one[0] for one in times], [one[1] for one in times]]


def previews(browser, address, picture):
    browser.go(address)
    browser.until("window.readyAt")
    chooser = browser.ask("POST", "/element", {"using": "css selector", "value": "[data-chooser=pictures]"})
    browser.ask("POST", f"/element/{next(iter(chooser.values()))}/value", {"text": str(picture)})
    browser.until("document.querySelector('.stage').dataset.preview")
    return [browser.script(CHANGE, str(1200 + n)) for n in range(CHANGES)]


def many(browser, address, picture):
    browser.script("sessionStorage.clear()")
    browser.go(address)
    browser.until("window.readyAt")
    chosen = browser.script(DROP, list(picture.read_bytes()), MANY)
    began = time.monotonic()
    browser.script("document.querySelector('#run').click()")
    browser.until("document.querySelector('.head .badge')?.textContent === 'Done'")
    done = time.monotonic() - began
    browser.until("document.querySelector('px-rows').getAttribute('aria-rowcount') === '5000'")
    frames = browser.script(SCROLL)
    browser.tool("HeapProfiler.collectGarbage", {})
    heap = browser.script("return performance.memory.usedJSHeapSize")
    return chosen, done, frames, heap


def spread(times):
    times = sorted(times)
    return f"{statistics.median(times):.0f} | {times[int(len(times) * 0.95)]:.0f}"


def main():
    if not PIXMILL.exists():
        sys.exit("build it first: cargo build --release --no-default-features")
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    make = [PIXMILL, "run", TOP / "samples/photos/harbour.jpg", "--out", WORK, "--recipe",
            "large = resize:4000,height=3000,fit=fill,enlarge=true -> jpeg:q=90; small = resize:8,height=8,fit=fill -> png"]
    subprocess.run(make, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    at, processes = serve()
    browser = Browser()
    load = os.getloadavg()[0]
    try:
        page = f"{at}/#/grind"
        (cold_paint, cold_ready), (paint, ready) = loads(browser, page, True), loads(browser, page, False)
        changes = previews(browser, page, next(WORK.glob("*large*.jpg")))
        chosen, done, frames, heap = many(browser, page, next(WORK.glob("*small*.png")))
        version = browser.version
    finally:
        browser.end()
        for process in processes:
            process.send_signal(signal.SIGTERM)
    pages = [file for file in (TOP / "console/pages").rglob("*") if file.is_file()]
    REPORT.write_text(f"""# The web console, measured

From the address to the first paint, from a change of the recipe to its preview, and five thousand pictures in one
batch. Browser, server and worker share one machine, whose browser draws without a graphics card. A frame scrolls by
777 pixels, so that nearly every row in it is new. Written by `make bench-console` (tools/bench_console.py).

| | |
|---|---|
| Machine | {os.cpu_count()} cores, {platform.system()} {platform.release()} {platform.machine()} |
| Browser | Chromium {version}, headless, 1280 × 800 |
| Console | {len(pages)} files, {sum(file.stat().st_size for file in pages) / 1000:.0f} kB |
| Load of other work when it began | {load:.1f} |
| Date | {datetime.date.today()} |
| Command | `make bench-console` |

Milliseconds, of {LOADS} loads and {CHANGES} changes:

| | median | 95 of 100 | meant to be |
|---|---|---|---|
| first paint, nothing in the browser's cache | {spread(cold_paint)} | 200 |
| ready, nothing in the browser's cache | {spread(cold_ready)} | 300 |
| first paint, again | {spread(paint)} | |
| ready, again | {spread(ready)} | |
| a changed width to its preview, of 12 megapixels, the pause of 80 ms while somebody types included | {spread(changes)} | 150, 400 |
| a frame while {MANY} rows are scrolled through | {spread(frames)} | |

| {MANY} pictures of 8 × 8 in one batch | | meant to be |
|---|---|---|
| dropped, until they are counted | {chosen:.0f} ms | |
| sent, ground, and shown to be done | {done:.1f} s | |
| the slowest of {len(frames)} frames | {max(frames):.0f} ms | 20 |
| memory of the page's scripts | {heap / 1e6:.0f} MB | 60 |
""")
    print(REPORT.read_text())


if __name__ == "__main__":
    main()
