"""The page in a real browser, as a person uses it. VAULT_SCREENSHOTS names a directory for pictures to look at."""

import http.server
import os
import subprocess
import tempfile
import threading
import time
import unittest

from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from webserver import KEY, Web, until

PICTURES = os.environ.get("VAULT_SCREENSHOTS")


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        options = Options()
        options.binary_location = "/usr/bin/chromium"
        for word in ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                     "--disable-background-networking", f"--user-data-dir={cls.profile.name}", "--lang=en-US"]:
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        cls.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver", log_path=os.devnull), options=options)
        cls.driver.set_window_size(1200, 900)

    @classmethod
    def tearDownClass(cls):
        cls.driver.quit()
        cls.profile.cleanup()

    def setUp(self):
        self.web = Web()
        self.addCleanup(self.web.close)
        self.driver.get("about:blank")
        self.driver.get_log("browser")  # the page of the test before, whose program has ended, still asked for its lock

    def open(self, address=None):
        self.driver.get(address or self.web.address)
        self.wait(lambda: self.find("h1"))

    def wait(self, condition, what="the page"):
        def safely():
            try:
                return condition()
            except (NoSuchElementException, StaleElementReferenceException):
                return False
        self.assertTrue(until(safely, 15), f"{what}: {self.text}")

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def button(self, words, inside="body"):
        return next(one for one in self.all(inside + " button")
                    if (one.get_attribute("aria-label") or one.text) == words)

    @property
    def text(self):
        return self.find("body").text

    def names(self):
        return [one.get_attribute("data-name") for one in self.all("main li[data-name]")]

    def visit(self, title, selector):
        self.find(selector).click()
        self.wait(lambda: self.find("h1").text == title, title)

    def create(self, name, value):
        self.button("Create Secret").click()
        self.find("dialog input").send_keys(name)
        self.find("dialog textarea").send_keys(value)
        self.button("CREATE SECRET").click()
        self.wait(lambda: name in self.names() and not self.all("dialog"), f"created {name}")

    def picture(self, name):
        if not PICTURES:
            return
        for theme in ["light", "dark"]:
            self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia",
                                        {"features": [{"name": "prefers-color-scheme", "value": theme}]})
            for width in [1200, 360]:
                self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False})
                self.driver.save_screenshot(os.path.join(PICTURES, f"{name}-{theme}-{width}.png"))
        self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


class Page(Case):
    def in_each_scope(self):
        yield "team", "Team", [], lambda: self.visit("Team", "#scopes a[href='#/team']")
        for scope, title, id in [("project", "Project web", "web"), ("cluster", "Cluster gpu-1", "gpu-1")]:
            def enter(scope=scope, title=title, id=id):
                self.button(f"Open a {scope}…").click()
                self.find("dialog input").send_keys(id + Keys.ENTER)
                self.wait(lambda: self.find("h1").text == title, title)
            yield scope, title, ["--id", id], enter

    def test_add_edit_reveal_and_delete_in_each_scope(self):
        self.open()
        self.assertNotIn(self.web.token, self.driver.current_url)
        self.picture("empty")
        for scope, title, where, enter in self.in_each_scope():
            with self.subTest(scope):
                enter()
                self.assertIn(f"No secrets have been stored in this {scope} yet", self.text)
                self.assertIn("0 Secrets", self.text)
                self.create("API_KEY", f"first of {scope}\nline 2")
                self.assertIn("1 Secret", self.text)
                self.assertEqual(self.web.vault("get", scope, *where, "API_KEY").decode(), f"first of {scope}\nline 2")
                self.assertNotIn("first of", self.text)

                self.button("REVEAL API_KEY").click()
                self.wait(lambda: self.find("output").text == f"first of {scope}\nline 2", "the value")
                self.picture(f"revealed-{scope}")
                self.button("HIDE API_KEY").click()
                self.assertNotIn("first of", self.text)

                self.button("EDIT API_KEY").click()
                self.assertEqual(self.find("dialog textarea").get_attribute("value"), "")
                self.find("dialog textarea").send_keys("second of " + scope)
                self.button("SAVE").click()
                self.wait(lambda: not self.all("dialog") and "2 versions" in self.text, "edited")
                self.assertEqual(self.web.vault("get", scope, *where, "API_KEY").decode(), f"second of {scope}")
                self.button("VERSIONS of API_KEY").click()
                self.wait(lambda: len(self.all(".versions li")) == 2, "versions")

                question = f"Are you sure you want to delete the {scope} secret “API_KEY”?"
                self.button("DELETE API_KEY").click()
                self.assertIn(question, self.find("dialog").text)
                if where:
                    self.assertIn(f"It is in {scope} {where[1]}.", self.find("dialog").text)
                self.picture(f"delete-{scope}")
                self.button("CANCEL").click()
                self.wait(lambda: not self.all("dialog"))
                self.assertEqual(self.web.vault("get", scope, *where, "API_KEY").decode(), f"second of {scope}")
                # The one that asked has the focus again; Escape is no as well.
                self.assertEqual(self.driver.switch_to.active_element.get_attribute("aria-label"), "DELETE API_KEY")
                self.driver.switch_to.active_element.send_keys(Keys.ENTER)
                self.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
                self.wait(lambda: not self.all("dialog"))
                self.assertEqual(self.names(), ["API_KEY"])

                self.button("DELETE API_KEY").click()
                self.button("DELETE", "dialog").click()
                self.wait(lambda: not self.all("dialog") and not self.names(), "deleted")
                self.assertEqual(self.web.sandbox.run("get", scope, *where, "API_KEY")[0], 9)
                place = " ".join([scope, *where[1:]])
                self.assertIn(f"Deleted 'API_KEY' from {place}", self.text)
        self.assertEqual([entry["message"] for entry in self.driver.get_log("browser")], [])

    def test_the_effective_view_tells_what_shadows_what(self):
        for words in [("team",), ("cluster", "--id", "gpu-1"), ("project", "--id", "web")]:
            self.web.vault("set", *words, "DATABASE_URL", input=b"x")
        self.web.vault("set", "team", "ONLY_TEAM", input=b"x")
        self.open()
        self.visit("Project web", "#scopes a[href='#/project/web']")
        self.visit("Project web", "a[href='#/project/web/effective']")
        row = lambda name: [one.text for one in self.all(f"li[data-name={name}] .chain li")]
        self.wait(lambda: row("DATABASE_URL") == ["project web applies", "team shadowed by project web"], "effective")
        Select(self.find("#choose-cluster")).select_by_value("gpu-1")
        self.wait(lambda: row("DATABASE_URL") == ["project web applies", "cluster gpu-1 shadowed by project web",
                                                  "team shadowed by project web"], "with a cluster")
        self.picture("effective")
        Select(self.find("#choose-project")).select_by_value("")
        self.wait(lambda: row("DATABASE_URL") == ["cluster gpu-1 applies", "team shadowed by cluster gpu-1"])
        self.assertEqual(row("ONLY_TEAM"), ["team applies"])

    def test_mistakes_are_told_and_set_nothing(self):
        self.web.vault("set", "team", "THERE", input=b"old")
        self.open()
        for name, words in [("1bad", "A name is 1 to 128 characters"), ("THERE", "THERE exists already")]:
            self.button("Create Secret").click()
            self.assertFalse(self.button("CREATE SECRET").is_enabled())
            self.find("dialog input").send_keys(name)
            self.find("dialog textarea").send_keys("new")
            self.button("CREATE SECRET").click()
            self.wait(lambda: words in self.find("dialog .problem").text, words)
            self.button("CANCEL").click()
        self.assertEqual(self.web.vault("get", "team", "THERE"), b"old")
        self.assertEqual(self.web.vault("list", "--all"), b"team\t\tTHERE\n")

    def test_names_and_values_are_text_never_markup(self):
        value = "<img src=x onerror=alert(1)><script>alert(2)</script>"
        self.web.vault("set", "team", "MARKUP", input=value.encode())
        self.open()
        self.button("REVEAL MARKUP").click()
        self.wait(lambda: self.find("output").text == value, "the value")
        self.assertEqual(self.driver.get_log("browser"), [])

    def test_it_works_with_the_keyboard_alone(self):
        self.open()
        def tab_to(words):
            for _ in range(40):
                one = self.driver.switch_to.active_element
                if words in (one.get_attribute("aria-label"), one.text):
                    return one
                one.send_keys(Keys.TAB)
            self.fail(f"no way to {words}")
        tab_to("Create Secret").send_keys(Keys.ENTER)
        self.driver.switch_to.active_element.send_keys("KEYS" + Keys.TAB)
        self.driver.switch_to.active_element.send_keys("v" + Keys.TAB)
        self.driver.switch_to.active_element.send_keys(Keys.ENTER)
        self.wait(lambda: self.names() == ["KEYS"], "created")
        tab_to("REVEAL KEYS").send_keys(Keys.ENTER)
        self.wait(lambda: self.find("output").text == "v")

    def test_everything_has_a_name_and_fits_360_pixels(self):
        self.web.vault("set", "project", "--id", "web", "A_RATHER_LONG_NAME_" * 6, input=b"x")
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                    {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True})
        self.addCleanup(self.driver.execute_cdp_cmd, "Emulation.clearDeviceMetricsOverride", {})
        self.open()
        for place in ["#/project/web", "#/project/web/effective", "#/team"]:
            self.driver.execute_script("location.hash = arguments[0]", place)
            time.sleep(0.5)
            width = self.driver.execute_script("return document.documentElement.scrollWidth")
            self.assertLessEqual(width, 360, place)
            # The tabs once took on the height of the list of scopes.
            self.assertLess(self.find(".tabs").size["height"], 80, place)
        nodes = self.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        for node in nodes:
            role = node.get("role", {}).get("value")
            if role in ["button", "link", "textbox", "combobox", "navigation", "dialog"] and not node["ignored"]:
                self.assertTrue(node["name"]["value"], node)


class Secrecy(Case):
    def test_the_address_works_once(self):
        self.open()
        self.driver.execute_script("sessionStorage.clear()")
        self.driver.get("about:blank")
        self.open()
        self.assertIn("each works once", self.text)

    def test_a_reload_and_a_second_tab_go_on(self):
        self.web.vault("set", "team", "THERE", input=b"x")
        self.open()
        self.wait(lambda: self.names() == ["THERE"])
        self.driver.refresh()
        self.wait(lambda: self.names() == ["THERE"], "reloaded")
        first = self.driver.current_window_handle
        self.driver.execute_script("window.open(location.origin + '/#/team', '_blank', 'noopener')")
        self.wait(lambda: len(self.driver.window_handles) == 2)
        self.driver.switch_to.window(next(one for one in self.driver.window_handles if one != first))
        self.wait(lambda: self.names() == ["THERE"], "the second tab")
        self.driver.close()
        self.driver.switch_to.window(first)

    def test_a_value_is_hidden_when_the_page_is_left_and_after_a_time(self):
        self.web.vault("set", "team", "SHOWN", input=b"look-at-me")
        self.open()
        self.button("REVEAL SHOWN").click()
        self.wait(lambda: "look-at-me" in self.text)
        self.visit("Team", "a[href='#/team/effective']")
        self.wait(lambda: "look-at-me" not in self.text)
        # The time is half a minute; here the clock of the page runs faster.
        self.driver.execute_script("window.realTimeout = setTimeout; setTimeout = (f, t, ...a) => realTimeout(f, t / 30, ...a)")
        self.visit("Team", "a[href='#/team']")
        self.wait(lambda: self.names() == ["SHOWN"])
        self.button("REVEAL SHOWN").click()
        self.wait(lambda: "look-at-me" in self.text)
        self.wait(lambda: "look-at-me" not in self.text, "hidden by itself")

    def test_a_locked_vault_shows_nothing_any_more(self):
        self.web.vault("set", "team", "SHOWN", input=b"look-at-me")
        self.open()
        self.button("REVEAL SHOWN").click()
        self.wait(lambda: "look-at-me" in self.text)
        self.web.vault("lock")
        self.wait(lambda: self.find("h1").text == "Not open", "that it is locked is shown by itself")
        self.assertNotIn("SHOWN", self.text)
        self.assertNotIn("look-at-me", self.text)

    def test_nothing_secret_lies_in_the_profile_afterwards(self):
        self.web.vault("set", "team", "SHOWN", input=b"unspeakable-9431")
        self.open()
        self.button("REVEAL SHOWN").click()
        self.wait(lambda: "unspeakable-9431" in self.text)
        self.create("MADE", "unspeakable-5577")
        self.driver.get("about:blank")
        found = subprocess.run(["grep", "-rlaE", "unspeakable-(9431|5577)", self.profile.name],
                               stdout=subprocess.PIPE).stdout
        self.assertEqual(found, b"")

    def test_a_page_of_another_origin_reads_and_writes_nothing(self):
        self.web.vault("set", "team", "KEEP", input=b"s3cret")
        self.open()
        script = """
            const [port, key, token] = ["%d", "%s", "%s"];
            const tries = [];
            for (const host of ["127.0.0.1", "localhost"])
              for (const [method, path, body] of [["GET", "/teams/secrets"], ["PUT", "/teams/secrets/EVIL", '{"value":"x"}'],
                  ["DELETE", "/teams/secrets/KEEP"], ["POST", "/page/session"], ["POST", "/page/value", '{"scope":"team","name":"KEEP"}']])
                for (const mode of ["cors", "no-cors"])
                  for (const headers of [{}, {"X-API-Key": key}, {"X-API-Key": token}])
                    tries.push(fetch(`http://${host}:${port}${path}`, { method, body, mode, headers, credentials: "include" })
                      .then((answer) => answer.text()).then((text) => text.includes("KEEP") || text.includes("key\\"") ? "READ" : "")
                      .catch(() => ""));
            const form = document.createElement("form");
            form.method = "post"; form.target = "frame"; form.action = `http://127.0.0.1:${port}/teams/secrets/EVIL`;
            document.body.append(form); form.submit();
            Promise.all(tries).then((all) => { document.title = "done " + tries.length + all.join(""); });
        """ % (self.web.port, KEY, self.web.page_key or KEY)
        class Other(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                page = f"<!doctype html><iframe name=frame></iframe><script>{script}</script>".encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)
            def log_message(self, *_):
                pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.driver.get(f"http://localhost:{server.server_port}/")
        self.wait(lambda: self.driver.title.startswith("done"), "the other page")
        self.assertEqual(self.driver.title, "done 60")
        self.assertEqual(self.web.vault("list", "--all"), b"team\t\tKEEP\n")
        self.driver.get_log("browser")


if __name__ == "__main__":
    unittest.main()
