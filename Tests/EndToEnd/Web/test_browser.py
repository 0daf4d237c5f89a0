"""The page in a real browser, as a person uses it. VAULT_SCREENSHOTS names a directory for pictures to look at."""

import http.server
import json
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


class Metadata(Case):
    def field(self, label):
        return next(one for one in self.all("dialog label") if one.text.splitlines()[0] == label).find_element(By.CSS_SELECTOR, "input, textarea")

    def fill(self, label, text):
        one = self.field(label)
        one.send_keys(Keys.CONTROL + "a", Keys.DELETE)
        one.send_keys(text)

    def change(self, name):
        self.button(f"DETAILS of {name}").send_keys(Keys.ENTER)
        self.button("CHANGE", "dialog").click()
        self.wait(lambda: self.field("Tags"), "the form")
        self.wait(lambda: len(self.all("dialog")) == 1)

    def save(self):
        self.button("SAVE", "dialog").click()

    def described(self, name):
        return json.loads(self.web.vault("describe", "team", name, "--json"))

    def row(self, name):
        return self.find(f"main li[data-name={name}]").text.splitlines()

    def shown(self):
        return [one.get_attribute("data-name") for one in self.all("main li[data-name]") if one.is_displayed()]

    def test_a_list_shows_descriptions_tags_and_what_is_due(self):
        web = self.web
        web.vault("set", "team", "OVER", "--description", "Deploys from CI", "--tag", "ci", "--tag", "deploy", "--expires", "2020-01-31", input=b"x")
        web.vault("set", "team", "OLD", "--rotate-every", "1s", input=b"x")
        web.vault("set", "team", "FINE", "--expires", "2999-01-31", "--rotate-every", "90d", input=b"x")
        web.vault("set", "team", "PLAIN", input=b"x")
        time.sleep(1.1)
        self.open()
        self.assertEqual(self.row("OVER")[1:5], ["Deploys from CI", "expired", "ci", "deploy"])
        self.assertEqual(self.row("OLD")[1], "due")
        self.assertIn("1 version", self.row("FINE")[1])
        self.assertIn("1 version", self.row("PLAIN")[1])
        self.picture("metadata")
        self.visit("Team", "a[href='#/team/effective']")
        self.wait(lambda: self.row("OVER") == ["OVER", "Deploys from CI", "expired", "ci", "deploy", "team applies"], "effective")
        self.assertEqual(self.row("PLAIN"), ["PLAIN", "team applies"])

    def test_the_details_are_shown_and_changed_without_the_value(self):
        self.web.vault("set", "team", "KEY", "--description", "old", "--username", "me", "--expires", "2999-01-31", input=b"untouched")
        self.web.vault("describe", "team", "KEY", "--field", "owner=ops", "--field", "gone=soon", "--field", "empty=")
        self.open()
        opener = self.button("DETAILS of KEY")
        opener.click()
        said = self.find("dialog").text
        for words in ["KEY in team", "Description\nold", "User name\nme", "owner\nops", "empty\n(empty)", "Value set", "Expires", "Due"]:
            self.assertIn(words, said)
        self.assertNotIn("Hosts", said)
        self.assertNotIn("untouched", self.driver.page_source)
        self.picture("details")
        self.button("CLOSE", "dialog").click()
        self.wait(lambda: self.driver.switch_to.active_element == opener, "the focus is back")

        self.change("KEY")
        self.assertFalse(self.button("SAVE", "dialog").is_enabled())
        self.assertEqual(self.field("Description"), self.driver.switch_to.active_element)
        self.assertEqual(self.field("Expires").get_attribute("value"), "2999-01-31T00:00:00Z")
        self.fill("Description", "new\nlines")
        self.fill("User name", "")
        self.fill("Tags", "ci deploy")
        self.fill("Hosts", "*.example.com")
        self.fill("Rotate every", "90d")
        self.fill("Field gone", "")
        self.fill("Field owner", "dev & ops=all")
        self.fill("Name", "note")
        self.fill("Text", "+1 %41")
        self.picture("form")
        self.save()
        self.wait(lambda: not self.all("dialog") and "Described 'KEY' in team" in self.text, "saved")
        said = self.described("KEY")
        self.assertEqual([said[key] for key in ["description", "username", "hosts", "tags", "rotate_every_seconds", "expires"]],
                         ["new\nlines", None, ["*.example.com"], ["ci", "deploy"], 90 * 86400, "2999-01-31T00:00:00Z"])
        self.assertEqual(said["fields"], {"empty": "", "note": "+1 %41", "owner": "dev & ops=all"})
        self.assertEqual(self.row("KEY")[1:4], ["new lines", "ci", "deploy"])
        self.assertIn("1 version", self.text)
        self.assertEqual(self.web.vault("get", "team", "KEY"), b"untouched")
        self.change("KEY")
        self.assertEqual(self.field("Rotate every").get_attribute("value"), "90d")
        self.assertEqual(self.driver.get_log("browser"), [])

    def test_mistakes_in_the_form_are_told_and_change_nothing(self):
        self.web.vault("set", "team", "KEY", "--tag", "kept", input=b"x")
        self.web.vault("describe", "team", "KEY", "--field", "owner=ops")
        before = self.described("KEY")
        self.open()
        self.change("KEY")
        for label, text, words in [("Expires", "soon", "expires takes a time such as"), ("Tags", "no/way", "invalid tag 'no/way'"),
                                   ("Name", "owner", "There is a field owner already")]:
            was = self.field(label).get_attribute("value")
            self.fill(label, text)
            self.save()
            self.wait(lambda: words in self.find("dialog .problem").text, words)
            self.fill(label, was)
        self.assertEqual(self.described("KEY"), before)

    def test_a_change_made_meanwhile_is_shown_before_it_is_replaced(self):
        self.web.vault("set", "team", "KEY", "--description", "first", "--tag", "one", input=b"x")
        self.open()
        self.change("KEY")
        self.fill("Description", "mine")
        self.web.vault("describe", "team", "KEY", "--description", "theirs", "--tag", "two", "--field", "owner=ops")
        self.save()
        self.wait(lambda: "were changed meanwhile" in self.find("dialog .problem").text, "told")
        self.assertEqual(self.described("KEY")["description"], "theirs")
        self.assertEqual(self.field("Description").get_attribute("value"), "mine")
        self.assertEqual(self.field("Tags").get_attribute("value"), "one two")
        self.assertEqual(self.field("Field owner").get_attribute("value"), "ops")
        self.save()
        self.wait(lambda: not self.all("dialog"), "saved")
        said = self.described("KEY")
        self.assertEqual((said["description"], said["tags"], said["fields"]), ("mine", ["one", "two"], {"owner": "ops"}))

    def test_hostile_texts_are_text_and_stay_where_they_are(self):
        markup = "<img src=x onerror=alert(1)><script>alert(2)</script>"
        self.web.vault("set", "team", "HTML", "--description", markup, "--username", markup, "--host", "<b>", input=b"x")
        self.web.vault("describe", "team", "HTML", "--field", "constructor=" + markup)
        self.web.vault("set", "team", "RTL", "--description", "a\u202egro.elpmaxe\x1b[2J\x07z", "--username", "\u2066x", input=b"x")
        self.web.vault("set", "team", "LONG", "--description", "w" * 4096, "--tag", "t" * 128, input=b"x")
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True})
        self.addCleanup(self.driver.execute_cdp_cmd, "Emulation.clearDeviceMetricsOverride", {})
        self.open()
        self.assertEqual(self.row("HTML")[1], markup)
        self.assertEqual(self.row("RTL")[1], "a\\u{202e}gro.elpmaxe\\u{1b}[2J\\u{7}z")
        self.assertLess(self.find("li[data-name=LONG]").size["height"], 400)
        self.assertLessEqual(self.driver.execute_script("return document.documentElement.scrollWidth"), 360)
        for name, words in [("HTML", ["User name\n" + markup, "constructor\n" + markup, "Hosts\n<b>"]), ("RTL", ["\\u{2066}x"]), ("LONG", ["w" * 4096])]:
            self.button(f"DETAILS of {name}").send_keys(Keys.ENTER)  # the message of the change before may cover it
            for word in words:
                self.assertIn(word, self.find("dialog").text)
            box = self.find("dialog")
            self.assertLessEqual(self.driver.execute_script("return arguments[0].scrollWidth - arguments[0].clientWidth", box), 0, name)
            self.button("CHANGE", "dialog").click()
            self.wait(lambda: self.field("Tags"))
            self.fill("Tags", "seen")
            self.save()
            self.wait(lambda: not self.all("dialog"), "saved")
        # The form gave back every character of what it did not change.
        self.assertEqual(self.described("RTL")["description"], "a\u202egro.elpmaxe\x1b[2J\x07z")
        self.assertEqual(self.described("HTML")["fields"], {"constructor": markup})
        self.assertEqual(len(self.described("LONG")["description"]), 4096)
        self.assertEqual(self.driver.get_log("browser"), [])

    def test_a_list_is_searched_by_name_description_and_tag(self):
        for name, words in [("ALPHA", ["--description", "Deploys from CI"]), ("BETA", ["--tag", "ci-only", "--username", "deployer"]),
                            ("GAMMA", ["--host", "db.example"])]:
            self.web.vault("set", "team", name, *words, input=b"x")
        self.open()
        for text, names in [("alp", ["ALPHA"]), ("deploy", ["ALPHA", "BETA"]), ("deploy ci-", ["BETA"]), ("DB.ex", ["GAMMA"]), ("nowhere", [])]:
            for _ in range(2):  # typed, then still there after the list was drawn again
                one = self.find("input[type=search]")
                one.send_keys(Keys.CONTROL + "a", Keys.DELETE)
                one.send_keys(text)
                self.assertEqual(self.shown(), names, text)
            self.assertIn(f"{len(names)} of 3", self.text)
        self.find("input[type=search]").send_keys(Keys.CONTROL + "a", Keys.DELETE)
        self.find("input[type=search]").send_keys("beta")
        self.change("BETA")
        self.fill("Tags", "new")
        self.save()
        self.wait(lambda: not self.all("dialog") and self.row("BETA")[1:2] == ["new"], "saved")
        self.assertEqual(self.shown(), ["BETA"])
        self.visit("Team", "a[href='#/team/effective']")
        self.wait(lambda: self.shown() == ["ALPHA", "BETA", "GAMMA"], "another view begins anew")
        self.find("input[type=search]").send_keys("new")
        self.assertEqual(self.shown(), ["BETA"])

    def test_the_form_works_with_the_keyboard_and_each_part_has_a_name(self):
        self.web.vault("set", "team", "KEY", "--tag", "one", input=b"x")
        self.web.vault("describe", "team", "KEY", "--field", "owner=ops")
        self.open()
        self.button("DETAILS of KEY").send_keys(Keys.ENTER)
        self.assertEqual(self.driver.switch_to.active_element.text, "CLOSE")
        self.driver.switch_to.active_element.send_keys(Keys.SHIFT + Keys.TAB)
        self.driver.switch_to.active_element.send_keys(Keys.ENTER)
        self.wait(lambda: self.field("Tags"))
        for node in self.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]:
            if node.get("role", {}).get("value") in ["button", "textbox", "searchbox", "dialog", "group", "list"] and not node["ignored"]:
                self.assertTrue(node["name"]["value"], node)
        for label in ["Description", "User name", "Hosts", "Tags"]:
            self.assertEqual(self.driver.switch_to.active_element, self.field(label))
            if label != "Tags":
                self.driver.switch_to.active_element.send_keys(Keys.TAB)
        self.driver.switch_to.active_element.send_keys(Keys.END + " two" + Keys.ENTER)
        self.wait(lambda: not self.all("dialog"), "saved")
        self.assertEqual(self.described("KEY")["tags"], ["one", "two"])
        self.button("DETAILS of KEY").send_keys(Keys.ENTER)
        self.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
        self.wait(lambda: not self.all("dialog"))
        self.assertEqual(self.driver.switch_to.active_element.get_attribute("aria-label"), "DETAILS of KEY")

    def test_a_lock_takes_the_form_away(self):
        self.web.vault("set", "team", "KEY", "--description", "what-it-is-for", input=b"x")
        self.open()
        self.find("input[type=search]").send_keys("what-it")
        self.change("KEY")
        self.fill("Tags", "typed")
        self.web.vault("lock")
        self.wait(lambda: self.find("h1").text == "Not open", "locked")
        self.wait(lambda: not self.all("dialog"), "the form is gone")
        self.assertNotIn("what-it", self.driver.execute_script("return document.documentElement.outerHTML"))


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
