"""The interface of web-interface.md, spoken by hand: its routes, who is answered, its limits, its end."""

import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time
import unittest

from webserver import KEY, VAULT, Sandbox, Web, until

NOBODY = 65534


def has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        return True
    except OSError:
        return False


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.web = Web()

    @classmethod
    def tearDownClass(cls):
        cls.web.close()


class Routes(Case):
    def test_the_nine_routes_do_what_the_originals_did(self):
        web = self.web
        for scope, query in [("teams", ""), ("projects", "?projectId=web"), ("clusters", "?clusterId=gpu-1")]:
            with self.subTest(scope):
                self.assertEqual(web.request("PUT", f"/{scope}/secrets/B_2{query}", {"value": "two"})[::2], (204, b""))
                self.assertEqual(web.request("PUT", f"/{scope}/secrets/A.1{query}", {"value": "ünï\n✓"})[::2], (204, b""))
                status, fields, text = web.request("GET", f"/{scope}/secrets{query}")
                self.assertEqual((status, text), (200, b'[{"name":"A.1"},{"name":"B_2"}]'))
                self.assertEqual(fields["Content-Type"], "application/json")
                self.assertEqual(web.request("DELETE", f"/{scope}/secrets/B_2{query}")[::2], (204, b""))
                self.assertEqual(web.json("GET", f"/{scope}/secrets{query}"), (200, [{"name": "A.1"}]))
        for words in [("team",), ("project", "--id", "web"), ("cluster", "--id", "gpu-1")]:
            self.assertEqual(web.vault("get", *words, "A.1"), "ünï\n✓".encode())

    def test_what_is_not_there_is_named(self):
        self.assertEqual(self.web.error("DELETE", "/projects/secrets/NOPE?projectId=web"),
                         (404, "no secret 'NOPE' in project web"))

    def test_a_scope_without_secrets_is_an_empty_list(self):
        self.assertEqual(self.web.request("GET", "/projects/secrets?projectId=empty")[2], b"[]")

    def test_names_and_ids_are_percent_encoded(self):
        web = self.web
        self.assertEqual(web.request("PUT", "/projects/secrets/%41%2E%62?projectId=%77eb%2D2", {"value": "x"})[0], 204)
        self.assertEqual(web.vault("get", "project", "--id", "web-2", "A.b"), b"x")

    def test_malformed_names_and_ids_are_refused_and_set_nothing(self):
        web = self.web
        before = web.vault("list", "--all")
        for target, word in [
            ("/teams/secrets/", "invalid name ''"), ("/teams/secrets/a/b", "invalid name 'a/b'"),
            ("/teams/secrets/a%2Fb", "invalid name 'a/b'"), ("/teams/secrets/1a", "invalid name '1a'"),
            ("/teams/secrets/" + "a" * 129, "invalid name"), ("/teams/secrets/a%20b", "invalid name 'a b'"),
            ("/teams/secrets/a%00b", "UTF-8"), ("/teams/secrets/a%ff", "UTF-8"), ("/teams/secrets/a%4", "%"),
            ("/teams/secrets/a%zz", "%"), ("/teams/secrets/a%0ab", "invalid name 'a\\u{a}b'"),
            ("/teams/secrets/..", "invalid name '..'"), ("/teams/secrets/a?b=c", "unknown parameter 'b'"),
            ("/teams/secrets/a?teamId=te1", "omit teamId"), ("/projects/secrets/a", "projectId is missing"),
            ("/projects/secrets/a?projectId=", "invalid projectId ''"),
            ("/projects/secrets/a?projectId=a+b", "invalid projectId 'a b'"),
            ("/projects/secrets/a?projectId=x&projectId=y", "is given twice"),
            ("/projects/secrets/a?clusterId=x", "unknown parameter 'clusterId'"),
            ("/clusters/secrets/a?clusterId=../x", "invalid clusterId '../x'"),
        ]:
            for method in ["PUT", "DELETE"]:
                with self.subTest(target, method=method):
                    status, message = web.error(method, target, {"value": "x"} if method == "PUT" else None)
                    self.assertEqual(status, 400, message)
                    self.assertIn(word, message)
        self.assertEqual(web.vault("list", "--all"), before)

    def test_a_body_that_is_no_value_sets_nothing(self):
        web = self.web
        for body in [b"", b"{", b"[]", b'"x"', b'{"value":5}', b'{"value":null}', b'{"value":""}', b'{"other":"x"}',
                     b'{"value":"a","value":"b"}', b'{"value":"\xff"}', b'{"value":"\\ud800"}', b"{}", b'{"value":{}}',
                     b'{"value":{"value":"x"}}', b'{"value":{"value":"x","description":"y"}}',
                     b'{"value":"x"}y', b'{"value":"' + b"x" * (1 << 20) + b'y"}']:
            with self.subTest(body[:30]):
                status, message = web.error("PUT", "/teams/secrets/BODY", body)
                self.assertEqual(status, 400)
                self.assertIn("'BODY'", message)
        self.assertNotIn({"name": "BODY"}, web.json("GET", "/teams/secrets")[1])

    def test_the_largest_value_passes_however_it_is_written(self):
        value = "\x01" * (1 << 20)
        self.assertEqual(self.web.request("PUT", "/teams/secrets/LARGE", {"value": value})[0], 204)
        self.assertEqual(self.web.vault("get", "team", "LARGE"), value.encode())
        self.assertEqual(self.web.request("DELETE", "/teams/secrets/LARGE")[0], 204)

    def test_more_than_that_is_refused(self):
        refusal = self.web.error("PUT", "/teams/secrets/LARGE", headers=[("Content-Length", "8388609")])
        self.assertEqual(refusal, (413, "the body has more than 8 MiB"))

    def test_other_methods_and_paths(self):
        web = self.web
        for method, target, status, allowed in [
            ("POST", "/teams/secrets", 405, "GET"), ("GET", "/teams/secrets/A", 405, "PUT, DELETE"),
            ("OPTIONS", "/teams/secrets", 405, "GET"), ("PUT", "/teams/x", 404, None), ("GET", "/", 200, None),
            ("GET", "/nope", 404, None), ("POST", "/", 405, "GET, HEAD"), ("GET", "/teams/secretsx", 404, None),
        ]:
            with self.subTest(f"{method} {target}"):
                answer = web.request(method, target)
                self.assertEqual((answer[0], answer[1]["Allow"]), (status, allowed))

    def test_no_answer_is_kept_or_framed_or_shared(self):
        for target in ["/", "/page.js", "/teams/secrets", "/nope"]:
            fields = self.web.request("GET", target)[1]
            self.assertEqual(fields["Cache-Control"], "no-store")
            self.assertEqual(fields["X-Frame-Options"], "DENY")
            self.assertIn("default-src 'none'", fields["Content-Security-Policy"])
            self.assertIn("require-trusted-types-for 'script'", fields["Content-Security-Policy"])
            self.assertIsNone(fields["Access-Control-Allow-Origin"])
            self.assertIsNone(fields["Set-Cookie"])


class Page(Case):
    def test_what_the_page_asks_besides(self):
        web = self.web
        web.vault("set", "team", "NAME", input=b"1")
        web.vault("set", "cluster", "--id", "gpu", "NAME", input=b"2")
        web.vault("set", "project", "--id", "web", "NAME", input=b"3")
        web.vault("set", "project", "--id", "web", "NAME", input=b"4")
        web.vault("set", "team", "BYTES", input=b"\xff\x00\xfe")
        key = web.open_page()
        status, contexts = web.json("GET", "/page/contexts", key=key)
        self.assertEqual(contexts, {"vault": contexts["vault"], "team": 2, "projects": [{"id": "web", "secrets": 1}],
                                    "clusters": [{"id": "gpu", "secrets": 1}]})
        details = web.json("GET", "/page/secrets?scope=project&id=web", key=key)[1]
        self.assertEqual([(one["name"], one["versions"]) for one in details], [("NAME", 2)])
        self.assertRegex(details[0]["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        history = web.json("GET", "/page/history?scope=project&id=web&name=NAME", key=key)[1]
        self.assertEqual([one["deleted"] for one in history], [False, False])
        effective = web.json("GET", "/page/effective?projectId=web&clusterId=gpu", key=key)[1]
        self.assertEqual([(one["name"], [scope["scope"] for scope in one["scopes"]]) for one in effective],
                         [("BYTES", ["team"]), ("NAME", ["project", "cluster", "team"])])
        self.assertEqual(web.json("GET", "/page/effective", key=key)[1][1]["scopes"][0]["scope"], "team")
        value = {"scope": "project", "id": "web", "name": "NAME"}
        self.assertEqual(web.json("POST", "/page/value", value, key=key), (200, {"value": "4"}))
        self.assertEqual(web.json("POST", "/page/value", {"scope": "team", "name": "BYTES"}, key=key),
                         (200, {"bytes": 3}))
        self.assertEqual(web.error("POST", "/page/value", {"scope": "team", "name": "NOPE"}, key=key),
                         (404, "no secret 'NOPE' in team"))
        self.assertEqual(web.error("POST", "/page/value", {"scope": "team", "id": "x", "name": "NAME"}, key=key)[0], 400)
        # The API key opens none of it, and gives no value back.
        for method, target, body in [("GET", "/page/contexts", None), ("POST", "/page/value", value),
                                     ("GET", "/page/secrets?scope=team", None), ("POST", "/page/session", None)]:
            self.assertEqual(web.error(method, target, body)[0], 403)


class Metadata(Case):
    """What secrets are for: in the lists, and changed."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.web.open_page()

    def list(self, where="scope=team"):
        status, list = self.web.json("GET", f"/page/secrets?{where}", key=self.web.page_key)
        self.assertEqual(status, 200)
        return {one["name"]: one for one in list}

    def change(self, name, key=None, web=None, **fields):
        """Status and message of a change to a secret of the team."""
        body = {"scope": "team", "name": name, **fields}
        if "revision" not in fields:
            body["revision"] = self.list().get(name, {}).get("revision", "0" * 32)
        status, answer = (web or self.web).json("POST", "/page/metadata", body, key=key or self.web.page_key)
        return status, answer and answer["error"]["message"]

    def described(self, name, *where):
        return json.loads(self.web.vault("describe", *(where or ["team"]), name, "--json"))

    def make(self, name, *words, scope=("team",)):
        self.web.vault("set", *scope, name, *words, input=b"value of " + name.encode())

    def test_the_lists_say_what_describe_says(self):
        self.make("PLAIN")
        self.make("FULL", "--description", "Deploys\nfrom CI", "--username", "ci", "--host", "*.example.com", "--host", "localhost:1",
                  "--tag", "ci", "--tag", "deploy", "--expires", "2020-01-31", "--rotate-every", "90d")
        self.web.vault("describe", "team", "FULL", "--field", "owner=ops")
        self.make("FULL", "--tag", "shop", scope=("project", "--id", "shop"))
        own = ["description", "username", "hosts", "tags", "fields", "set", "expires", "expired", "rotate_every_seconds", "due"]
        for name in ["PLAIN", "FULL"]:
            row, said = self.list()[name], self.described(name)
            self.assertEqual([*row], ["name", "versions", "time", "revision", *own])
            self.assertEqual({key: row[key] for key in own}, {key: said[key] for key in own})
            self.assertEqual(row["time"], row["set"])
        self.assertTrue(self.list()["FULL"]["expired"])
        effective = self.web.json("GET", "/page/effective?projectId=shop", key=self.web.page_key)[1]
        scopes = next(one for one in effective if one["name"] == "FULL")["scopes"]
        self.assertEqual([[*scope] for scope in scopes], [["scope", "id", "versions", "time", "revision", *own]] * 2)
        self.assertEqual([(scope["scope"], scope["id"], scope["tags"]) for scope in scopes],
                         [("project", "shop", ["shop"]), ("team", None, ["ci", "deploy"])])
        # Names alone go to those who have the API key.
        self.assertIn({"name": "FULL"}, self.web.json("GET", "/teams/secrets")[1])

    def test_a_change_takes_what_is_given_and_leaves_the_rest_and_the_value(self):
        self.make("EDITED", "--description", "old", "--tag", "one")
        before = self.list()["EDITED"]
        self.assertEqual(self.change("EDITED", description="neu ✓\nzwei", username="me", hosts="a.example, b.example a.example",
                                     expires="2030-02-01", rotate_every="30d", fields="owner=ops&note=two+words%0Aand%20%26&empty="),
                         (204, None))
        said = self.described("EDITED")
        self.assertEqual({key: said[key] for key in ["description", "username", "hosts", "tags", "expires", "rotate_every_seconds"]},
                         {"description": "neu ✓\nzwei", "username": "me", "hosts": ["a.example", "b.example"], "tags": ["one"],
                          "expires": "2030-02-01T00:00:00Z", "rotate_every_seconds": 30 * 86400})
        self.assertEqual(said["fields"], {"empty": "", "note": "two words\nand &", "owner": "ops"})
        after = self.list()["EDITED"]
        self.assertEqual((after["versions"], after["time"]), (before["versions"], before["time"]))
        self.assertNotEqual(after["revision"], before["revision"])
        self.assertEqual(self.web.vault("get", "team", "EDITED"), b"value of EDITED")
        # An empty text removes; no field at all changes nothing.
        self.assertEqual(self.change("EDITED"), (204, None))
        self.assertEqual(self.list()["EDITED"], after)
        self.assertEqual(self.change("EDITED", description="", username="", hosts="", tags=" , ", expires="never", rotate_every="",
                                     fields=""), (204, None))
        self.assertEqual(self.list()["EDITED"]["revision"], self.list_of_none())

    def list_of_none(self):
        self.make("NONE")
        return self.list()["NONE"]["revision"]

    def test_a_project_has_its_own(self):
        where = ("project", "--id", "web")
        self.make("THERE")
        self.make("THERE", scope=where)
        body = {"scope": "project", "id": "web", "name": "THERE", "tags": "x", "revision": self.list_of_none()}
        self.assertEqual(self.web.request("POST", "/page/metadata", body, key=self.web.page_key)[0], 204)
        self.assertEqual((self.described("THERE", *where)["tags"], self.described("THERE")["tags"]), (["x"], []))

    def test_what_breaks_a_rule_is_named_and_changes_nothing(self):
        self.make("RULES", "--description", "kept")
        before = self.list()["RULES"]
        for fields, words in [
            ({"description": "x" * 4097}, "description takes at most 4,096 bytes"), ({"description": "a\0b"}, "without NUL"),
            ({"description": "ü" * 2049}, "4,096 bytes"), ({"username": "u" * 256}, "255 bytes"), ({"username": "a\nb"}, "a line"),
            ({"username": "a\u0085b"}, "control"), ({"hosts": "https://example.com/"}, "invalid host 'https://example.com/'"),
            ({"hosts": "ok.example a\tb"}, "invalid host 'a\\u{9}b'"), ({"tags": "ok no/way"}, "invalid tag 'no/way'"),
            ({"tags": "-x"}, "invalid tag '-x'"), ({"tags": "<b>"}, "invalid tag '<b>'"), ({"tags": "x" * 1_000_000}, "invalid tag:"),
            ({"tags": "a\u202eb"}, "invalid tag 'a\\u{202e}b'"), ({"expires": "2027-02-30"}, "expires takes a time such as"),
            ({"expires": "1969-01-01"}, "expires takes"), ({"expires": "soon"}, "expires takes"), ({"expires": "-1d"}, "expires takes"),
            ({"rotate_every": "2027-01-31"}, "rotate_every takes a duration"), ({"rotate_every": "0d"}, "rotate_every takes"),
            ({"rotate_every": "99999999999999999999d"}, "rotate_every takes"), ({"fields": "=x"}, "invalid name '' of a field"),
            ({"fields": "a%20b=x"}, "invalid name 'a b' of a field"), ({"fields": "a=%"}, "two hexadecimal digits"),
            ({"fields": "a=%00"}, "UTF-8"), ({"fields": "a=%ff"}, "UTF-8"), ({"fields": "a=1&a=2"}, "field 'a' is given twice"),
            ({"fields": "a=" + "x" * 4097}, "field 'a' takes at most 4,096 bytes"),
            ({"fields": "&".join(f"f{number}=" + "x" * 4000 for number in range(17))}, "more than 65,536 bytes"),
            ({"tags": "fine", "expires": "soon"}, "expires takes"), ({"value": "x"}, "unknown field 'value'"),
            ({"tag": "x"}, "unknown field 'tag'"), ({"tags": ["x"]}, "one object of strings"), ({"tags": {"value": "x"}}, "one object"),
            ({"expires": None}, "one object of strings"), ({"expires": 5}, "one object of strings"),
        ]:
            with self.subTest(str(fields)[:60]):
                status, message = self.change("RULES", **fields)
                self.assertEqual(status, 400, message)
                self.assertIn(words, message)
                self.assertLess(len(message), 500)
                if "one object" not in words and "unknown" not in words:
                    self.assertIn("'RULES'", message)
        self.assertEqual(self.list()["RULES"], before)
        body = {"scope": "team", "name": "RULES", "tags": "x"}
        self.assertEqual(self.web.error("POST", "/page/metadata", body, key=self.web.page_key),
                         (400, "'RULES': the body has no field 'revision'"))
        for wrong, words in [({**body, "revision": "x", "id": "y"}, "the team has no id"), ({**body, "scope": "x"}, "unknown scope"),
                             ({**body, "scope": "project"}, "id is missing"), ({**body, "name": "1x"}, "invalid name '1x'"), ({}, "scope")]:
            status, message = self.web.error("POST", "/page/metadata", wrong, key=self.web.page_key)
            self.assertEqual(status, 400)
            self.assertIn(words, message)
        self.assertEqual(self.change("ABSENT", tags="x"), (404, "no secret 'ABSENT' in team"))
        answer = self.web.request("GET", "/page/metadata", key=self.web.page_key)
        self.assertEqual((answer[0], answer[1]["Allow"]), (405, "POST"))
        self.assertEqual(self.web.error("POST", "/page/metadata?name=RULES", body, key=self.web.page_key)[0], 400)

    def test_the_longest_and_the_strangest_texts_come_back_as_they_were(self):
        self.make("STRANGE")
        for text in ["x" * 4096, "</script><img src=x onerror=alert(1)>", "\u202egro.elpmaxe\u202c \u2066x\u2069", "".join(map(chr, range(1, 32))),
                     "\x7f\x85\u2028\ufeff", '"\\\'`${x}', "👩‍👩‍👧" * 200, "é" * 2048, " "]:
            with self.subTest(ascii(text[:30])):
                field = "note=" + "".join(f"%{byte:02x}" for byte in text.encode())
                self.assertEqual(self.change("STRANGE", description=text, fields=field), (204, None))
                row = self.list()["STRANGE"]
                self.assertEqual((row["description"], row["fields"]), (text, {"note": text}))
                self.assertEqual(self.described("STRANGE")["description"], text)
        name = "1" + "x" * 127
        self.assertEqual(self.change("STRANGE", fields=f"{name}=long", tags=name), (204, None))
        self.assertEqual((self.list()["STRANGE"]["fields"], self.list()["STRANGE"]["tags"]), ({name: "long"}, [name]))

    def test_only_the_pages_key_changes_them(self):
        self.make("GUARDED", "--tag", "kept")
        revision = self.list()["GUARDED"]["revision"]
        body = {"scope": "team", "name": "GUARDED", "revision": revision, "tags": "stolen"}
        self.assertEqual(self.web.error("POST", "/page/metadata", body), (403, "the API key does not permit this"))
        for key in [None, "", "x", self.web.token, self.web.page_key + "0"]:
            self.assertEqual(self.web.request("POST", "/page/metadata", body, key=key)[0], 401)
        for headers, host in [([("Origin", "http://evil.example")], None), ([("Sec-Fetch-Site", "cross-site")], None), ([], "evil.example")]:
            self.assertEqual(self.web.request("POST", "/page/metadata", body, key=self.web.page_key, headers=headers, host=host)[0], 403)
        # Nor does the way of a value change or remove them.
        self.assertEqual(self.web.request("PUT", "/teams/secrets/GUARDED", {"value": "new"})[0], 204)
        self.assertEqual((self.list()["GUARDED"]["tags"], self.list()["GUARDED"]["revision"]), (["kept"], revision))

    def test_a_change_made_meanwhile_is_not_replaced_unseen(self):
        self.make("SHARED", "--description", "first")
        seen = self.list()["SHARED"]["revision"]
        self.web.vault("describe", "team", "SHARED", "--description", "second")
        stale = (409, "the metadata of 'SHARED' in team were changed meanwhile")
        self.assertEqual(self.change("SHARED", revision=seen, description="mine"), stale)
        self.assertEqual(self.change("SHARED", revision=seen, tags="other"), stale)
        self.assertEqual(self.change("SHARED", revision="", tags="other"), stale)
        self.assertEqual((self.described("SHARED")["description"], self.described("SHARED")["tags"]), ("second", []))
        # A new value is no change to the metadata.
        seen = self.list()["SHARED"]["revision"]
        self.make("SHARED")
        self.assertEqual(self.change("SHARED", revision=seen, description="third"), (204, None))
        self.assertEqual(self.change("SHARED", revision=seen, description="fourth"), stale)
        self.assertEqual(self.described("SHARED")["description"], "third")
        self.web.vault("delete", "team", "SHARED")
        self.assertEqual(self.change("SHARED", revision=seen, tags="x"), (404, "no secret 'SHARED' in team"))

    def test_of_many_edits_at_once_each_is_made_or_refused(self):
        self.make("RACE")
        answers = [[] for _ in range(4)]
        def edit(number):
            for turn in range(8):
                row = self.list()["RACE"]
                tag = f"t{number}-{turn}"
                status, _ = self.change("RACE", revision=row["revision"], tags=" ".join([*row["tags"], tag]))
                answers[number].append((status, tag))
        threads = [threading.Thread(target=edit, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for turn in range(8):
            self.web.vault("describe", "team", "RACE", "--tag", f"cli-{turn}")
        for thread in threads:
            thread.join()
        made = {tag for list in answers for status, tag in list if status == 204}
        self.assertEqual({status for list in answers for status, _ in list} - {204, 409}, set())
        self.assertEqual(set(self.list()["RACE"]["tags"]), made | {f"cli-{turn}" for turn in range(8)})
        self.assertEqual(len(answers[0]), 8)

    def test_many_secrets_with_long_metadata_fit_into_a_list(self):
        where = ("project", "--id", "many")
        text = json.dumps({f"N{number}": {"value": "x", "description": "d" * 4096, "tags": [f"t{number}"]} for number in range(300)})
        self.web.vault("import", *where, "--format", "json", "-", input=text.encode())
        rows = self.list("scope=project&id=many")
        self.assertEqual({name: row["tags"] for name, row in rows.items()}, {f"N{number}": [f"t{number}"] for number in range(300)})

    def test_a_locked_vault_takes_no_edit(self):
        web = Web()
        self.addCleanup(web.close)
        web.vault("set", "team", "LATE", input=b"x")
        key = web.open_page()
        revision = web.json("GET", "/page/secrets?scope=team", key=key)[1][0]["revision"]
        web.vault("lock")
        self.assertEqual(self.change("LATE", web=web, key=key, revision=revision, tags="x")[0], 423)
        self.assertEqual(web.process.wait(20), 0)
        web.sandbox.unlock()
        web.stop()
        web.start()
        self.assertEqual(json.loads(web.vault("describe", "team", "LATE", "--json"))["tags"], [])
        # A lock in between changes nothing about which revision is the present one.
        self.assertEqual(self.change("LATE", web=web, key=web.open_page(), revision=revision, tags="x"), (204, None))



class Safety(Case):
    def nothing(self, before, *words, status, **more):
        """A request that is refused with every method, and neither reads nor writes."""
        for method, target, body in [("GET", "/teams/secrets", None), ("PUT", "/teams/secrets/EVIL", {"value": "x"}),
                                     ("DELETE", "/teams/secrets/KEEP", None), ("POST", "/page/session", None)]:
            with self.subTest(f"{method} {target}", **{k: str(v) for k, v in more.items()}):
                answer = self.web.request(method, target, body, *words, **more)
                self.assertEqual(answer[0], status)
                self.assertNotIn(b"KEEP", answer[2])
                self.assertIsNone(answer[1]["Access-Control-Allow-Origin"])
        self.assertEqual(self.web.vault("list", "--all"), before)

    def test_only_the_page_itself_is_answered(self):
        web = self.web
        web.vault("set", "team", "KEEP", input=b"s3cret")
        before = web.vault("list", "--all")
        port = web.port
        for host in [f"evil.example:{port}", "127.0.0.1", f"127.0.0.1:{port + 1}", "localhost", f"[::1]:{port}", "",
                     f"127.0.0.1:{port}.evil.example", f"LOCALHOST.:{port}"]:
            self.nothing(before, status=403, host=host)
        self.nothing(before, status=403, headers=[("Host", f"127.0.0.1:{port}")])  # twice
        for origin in ["http://evil.example", "null", f"https://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}",
                       f"http://localhost:{port}", f"http://127.0.0.1:{port}.evil.example", ""]:
            self.nothing(before, status=403, headers=[("Origin", origin)])
        for site in ["cross-site", "same-site", ""]:
            self.nothing(before, status=403, headers=[("Sec-Fetch-Site", site)])
        self.nothing(before, status=401, key=None)
        for key in ["", "x", KEY[:-1], KEY + "x", KEY.upper(), "0" * 48]:
            self.nothing(before, status=401, key=key)
        self.nothing(before, status=401, headers=[("X-API-Key", KEY)])  # twice
        self.assertEqual(web.request("GET", "/teams/secrets", headers=[("Origin", f"http://127.0.0.1:{port}")])[0], 200)
        self.assertEqual(web.request("GET", "/teams/secrets", host=f"localhost:{port}")[0], 200)

    def test_the_token_works_once_and_opens_the_exchange_alone(self):
        web = Web()
        self.addCleanup(web.close)
        for target in ["/teams/secrets", "/page/contexts"]:
            self.assertEqual(web.request("GET", target, key=web.token)[0], 401)
        key = web.open_page()
        self.assertEqual(web.request("GET", "/page/contexts", key=key)[0], 200)
        self.assertEqual(web.request("POST", "/page/session", key=web.token)[0], 401)
        # Neither lives longer than the program.
        old = web.token
        web.stop()
        web.start("--port", str(web.port))
        for stale in [old, key]:
            self.assertEqual(web.request("GET", "/page/contexts", key=stale)[0], 401)
            self.assertEqual(web.request("POST", "/page/session", key=stale)[0], 401)

    def stranger(self, code, user=NOBODY):
        """What a program of another user prints, which has a socket `s`, and `ask(method, target, body)` for the head and body of a request."""
        head = f"""
import os, socket
os.setgid({user}); os.setuid({user})
s = socket.socket()
def ask(method, target, body=b""):
    return (method + " " + target + " HTTP/1.1\\r\\nHost: 127.0.0.1:{self.web.port}\\r\\nX-API-Key: {KEY}\\r\\nContent-Length: "
            + str(len(body)) + "\\r\\n\\r\\n").encode() + body
def answer():
    try:
        return len(s.recv(1))
    except ConnectionError:
        return 0
"""
        result = subprocess.run(["/usr/bin/python3", "-c", head + code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(result.stderr, b"")
        return result.stdout.decode()

    @unittest.skipUnless(os.getuid() == 0, "only root can become another user")
    def test_another_user_gets_no_byte_even_with_the_key(self):
        self.assertEqual(self.stranger(f"""
s.connect(("127.0.0.1", {self.web.port}))
s.sendall(ask("GET", "/teams/secrets"))
print(answer())
"""), "0\n")
        self.assertEqual(self.web.request("GET", "/teams/secrets")[0], 200)

    @unittest.skipUnless(os.getuid() == 0, "only root can become another user")
    def test_a_port_of_ours_at_another_address_of_this_machine_is_not_us(self):
        with socket.create_connection(("127.0.0.1", self.web.port)) as ours:
            port = ours.getsockname()[1]
            for address in ["127.0.0.2", "127.255.255.254"]:
                for user in [NOBODY, os.getuid()]:
                    self.assertEqual(self.stranger(f"""
s.bind(("{address}", {port}))
s.connect(("127.0.0.1", {self.web.port}))
s.sendall(ask("GET", "/teams/secrets"))
print(answer())
""", user), "0\n")
            ours.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{self.web.port}\r\n\r\n".encode())
            self.assertTrue(ours.recv(20).startswith(b"HTTP/1.1 200"))

    @unittest.skipUnless(os.getuid() == 0, "only root can become another user")
    def test_a_socket_that_was_closed_is_not_roots(self):
        before = self.web.vault("list", "--all")
        self.web.process.send_signal(signal.SIGSTOP)
        try:
            self.stranger(f"""
s.connect(("127.0.0.1", {self.web.port}))
s.sendall(ask("PUT", "/teams/secrets/EVIL", b'{{"value":"x"}}'))
""")
        finally:
            self.web.process.send_signal(signal.SIGCONT)
        self.assertEqual(self.web.request("GET", "/teams/secrets")[0], 200)
        self.assertEqual(self.web.vault("list", "--all"), before)

    def listening(self, family):
        with open(f"/proc/{self.web.process.pid}/net/{family}") as file:
            rows = [line.split() for line in file]
        return [row[1] for row in rows if row[1].endswith(f":{self.web.port:04X}") and row[3] == "0A"]

    def test_it_listens_on_127_0_0_1_and_on_the_same_of_ipv6(self):
        self.assertEqual(self.listening("tcp"), [f"0100007F:{self.web.port:04X}"])
        if not has_ipv6():
            self.skipTest("this machine has no ::1")
        self.assertEqual(self.listening("tcp6"), [f"00000000000000000000000001000000:{self.web.port:04X}"])
        connection = http.client.HTTPConnection("::1", self.web.port, timeout=30)
        self.addCleanup(connection.close)
        connection.request("GET", "/teams/secrets", headers={"Host": f"localhost:{self.web.port}", "X-API-Key": KEY})
        self.assertEqual(connection.getresponse().status, 200)

    @unittest.skipUnless(os.getuid() == 0, "only root can become another user")
    def test_another_user_gets_no_byte_over_ipv6_either(self):
        if not has_ipv6():
            self.skipTest("this machine has no ::1")
        self.assertEqual(self.stranger(f"""
s = socket.create_connection(("::1", {self.web.port}))
s.sendall(ask("GET", "/teams/secrets"))
print(answer())
"""), "0\n")

    def test_it_has_no_secret_in_its_arguments_environment_or_output(self):
        web = Web("--no-open")
        self.addCleanup(web.close)
        key = web.open_page()
        self.assertEqual(web.request("PUT", "/teams/secrets/QUIET", {"value": "unspeakable-7"})[0], 204)
        self.assertEqual(web.json("POST", "/page/value", {"scope": "team", "name": "QUIET"}, key=key)[1],
                         {"value": "unspeakable-7"})
        with open(f"/proc/{web.process.pid}/cmdline", "rb") as file:
            arguments = file.read()
        for word in [KEY, web.token, key, "unspeakable-7"]:
            self.assertNotIn(word.encode(), arguments)
        web.process.send_signal(signal.SIGINT)
        web.process.wait(20)
        said = web.process.stdout.read() + web.process.stderr.read()
        for word in [KEY, web.token, key, "unspeakable-7", "QUIET"]:
            self.assertNotIn(word, said)


class Slow(Case):
    def test_two_hundred_slow_connections_are_in_nobodys_way_and_are_closed(self):
        web = self.web
        slow = [socket.create_connection(("127.0.0.1", web.port)) for _ in range(200)]
        began = time.monotonic()
        for one in slow:
            one.sendall(b"PUT /teams/secrets/SLOW HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        def alive():
            open_ones = []
            for one in slow:
                try:
                    one.sendall(b"X")
                    one.setblocking(False)
                    if one.recv(1) == b"":
                        continue
                except BlockingIOError:
                    one.setblocking(True)
                    open_ones.append(one)
                except OSError:
                    pass
            slow[:] = open_ones
            return open_ones
        while alive():
            asked = time.monotonic()
            self.assertEqual(web.request("GET", "/teams/secrets")[0], 200)
            self.assertLess(time.monotonic() - asked, 2)
            self.assertLess(time.monotonic() - began, 40)
            time.sleep(0.5)
        self.assertGreater(time.monotonic() - began, 10)


class Lock(Case):
    def test_the_page_learns_that_the_vault_was_locked_which_is_no_use(self):
        web = Web("--idle", "3s")
        self.addCleanup(web.close)
        key = web.open_page()
        began = time.monotonic()
        while web.process.poll() is None and time.monotonic() < began + 20:
            try:
                self.assertEqual(web.request("GET", "/page/lock", key=key)[0], 204)
            except OSError:
                break
            time.sleep(0.2)
        self.assertIn("nobody used the page for 3s", web.process.stderr.read())
        web.start()
        key = web.open_page()
        self.assertEqual(web.request("GET", "/page/lock")[0], 403)
        web.vault("lock")
        self.assertEqual(web.error("GET", "/page/lock", key=key)[0], 423)


class Ends(unittest.TestCase):
    def setUp(self):
        self.web = Web("--idle", "4s")
        self.addCleanup(self.web.close)

    def end(self, seconds):
        self.assertEqual(self.web.process.wait(seconds), 0)
        return self.web.process.stderr.read()

    def test_when_the_vault_is_locked(self):
        self.web.vault("lock")
        self.assertEqual(self.web.error("GET", "/teams/secrets")[0], 423)
        self.assertIn("was locked", self.end(20))

    def test_when_the_agent_is_gone(self):
        os.kill(self.web.sandbox.agent, signal.SIGKILL)
        self.assertIn("was locked", self.end(20))

    def test_when_nobody_uses_it(self):
        began = time.monotonic()
        for _ in range(6):
            time.sleep(1)
            self.assertEqual(self.web.request("GET", "/teams/secrets")[0], 200)
        self.web.request("GET", "/teams/secrets", key="wrong")  # is no use
        self.assertIn("nobody used the page for 4s", self.end(20))
        self.assertGreater(time.monotonic() - began, 9)

    def test_by_control_c(self):
        self.web.process.send_signal(signal.SIGINT)
        self.assertEqual(self.web.process.wait(20), -signal.SIGINT)


class Starts(unittest.TestCase):
    def setUp(self):
        self.sandbox = Sandbox()
        self.addCleanup(self.sandbox.close)

    def fails(self, *words):
        code, output, errors = self.sandbox.run("web", *words)
        self.assertEqual(output, b"")
        return code, errors

    def key(self, content, mode=0o600):
        path = os.path.join(self.sandbox.root, "key")
        with open(path, "wb") as file:
            file.write(content)
        os.chmod(path, mode)
        return path

    def test_a_locked_vault_has_no_page(self):
        code, said = self.fails()
        self.assertEqual(code, 4)
        self.assertIn("is locked\nvault: hint: unlock it with 'vault --vault %s unlock'\n" % self.sandbox.vault, said)

    def test_no_vault_no_page(self):
        self.assertEqual(self.fails("--vault", "/nonexistent/vault")[0], 6)

    def test_a_key_must_be_private_and_one_word(self):
        self.sandbox.unlock()
        self.assertIn("can be read by others", self.fails("--api-key-file", self.key(b"0123456789abcdef", 0o644))[1])
        for content in [b"", b"\n", b"two words", b"a\nb", b"\xff", b"x" * 1025]:
            code, said = self.fails("--api-key-file", self.key(content))
            self.assertEqual(code, 2)
            self.assertIn("must hold one word", said)
        self.assertEqual(self.fails("--api-key-file", "/nonexistent/key")[0], 1)

    def test_a_port_that_is_taken(self):
        self.sandbox.unlock()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            code, said = self.fails("--port", str(taken.getsockname()[1]))
        self.assertEqual(code, 1)
        self.assertIn("of 127.0.0.1: address already in use", said)
        if has_ipv6():
            with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
                code, said = self.fails("--port", str(taken.getsockname()[1]))
            self.assertEqual(code, 1)
            self.assertIn("of [::1]: address already in use", said)

    def test_a_browser_gets_the_address_from_a_private_file(self):
        box = self.sandbox
        box.unlock()
        os.mkdir(box.root + "/bin")
        with open(os.open(box.root + "/bin/xdg-open", os.O_CREAT | os.O_WRONLY, 0o700), "w") as file:
            file.write(f"#!/bin/sh\nprintf '%s\\n' \"$@\" >{box.root}/words; cp -p \"$1\" {box.root}/opened; : >{box.root}/done\n")
        terminal, other = os.openpty()
        process = subprocess.Popen(
            [VAULT, "web"], stdin=subprocess.DEVNULL, stdout=other, stderr=subprocess.PIPE, text=True,
            env={**box.environment, "PATH": box.root + "/bin:/usr/bin:/bin", "DISPLAY": ":7"})
        os.close(other)
        try:
            address = os.read(terminal, 200).decode().strip()
            self.assertTrue(until(lambda: os.path.exists(box.root + "/done")))
            with open(box.root + "/words") as file:
                words = file.read().splitlines()
            self.assertEqual(words, [f"{box.root}/run/vault/page-{process.pid}.html"])
            token = address.split("#")[1]
            with open(box.root + "/opened") as file:
                self.assertIn(f'content="0;url={address}"', file.read())
            self.assertEqual(os.stat(words[0]).st_mode & 0o777, 0o600)
            for name in filter(str.isdigit, os.listdir("/proc")):
                try:
                    with open(f"/proc/{name}/cmdline", "rb") as file:
                        self.assertNotIn(token.encode(), file.read())
                except (FileNotFoundError, ProcessLookupError):
                    pass
            connection = http.client.HTTPConnection("127.0.0.1", int(address.split(":")[2].split("/")[0]), timeout=30)
            connection.request("POST", "/page/session", headers={"X-API-Key": token})
            self.assertEqual(connection.getresponse().status, 200)
            connection.close()
            self.assertTrue(until(lambda: not os.path.exists(words[0])))
        finally:
            process.kill()
            process.wait()
            process.stderr.close()
            os.close(terminal)

    def test_the_program_alone_says_what_it_belongs_to(self):
        result = subprocess.run([os.path.join(os.path.dirname(os.path.realpath(VAULT)), "vault-web")],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual((result.returncode, result.stdout), (2, b""))
        self.assertIn(b"start it with 'vault web'", result.stderr)


if __name__ == "__main__":
    unittest.main()
