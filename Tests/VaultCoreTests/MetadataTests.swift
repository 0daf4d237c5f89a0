import Foundation
import Sodium
import Testing
import VaultFile

@testable import VaultCore

/// Metadata of secrets: what they are for, apart from their values.
@Suite struct MetadataTests {
    private let secret = SecretID("TOKEN", in: .project("web"))

    private static func parsed(_ text: String) -> Metadata? { Metadata(json: Array(text.utf8).span) }

    private static var full: Metadata {
        var metadata = Metadata()
        metadata.description = "The \"deploy\" token\nof CI, für alle"
        metadata.username = "ci-bot"
        metadata.hosts = ["*.example.com", "localhost:8080"]
        metadata.tags = ["ci", "deploy"]
        metadata.expires = 1_801_353_600_000
        metadata.rotateEvery = 7_776_000_000
        metadata.set("owner", to: "ops")
        metadata.set("cost-center", to: "4711")
        return metadata
    }

    @Test func `are one JSON object in the vault, which reads back the same`() {
        let text = String(decoding: Self.full.json, as: UTF8.self)
        #expect(
            text == #"{"description":"The \"deploy\" token\nof CI, für alle","username":"ci-bot","#
                + #""hosts":["*.example.com","localhost:8080"],"tags":["ci","deploy"],"#
                + #""expires":1801353600000,"rotate_every":7776000000,"#
                + #""fields":{"cost-center":"4711","owner":"ops"}}"#)
        #expect(Self.parsed(text) == Self.full)
        #expect(Metadata().json == Array("{}".utf8))
    }

    @Test func `keep the members that a newer version wrote`() {
        let text = #"{"tags":["a"],"policy":{"confirm":["touch",1.5e3,null,{}],"x":true},"next":-7}"#
        var metadata = Self.parsed(text)
        metadata?.username = "me"
        #expect(
            metadata.map { String(decoding: $0.json, as: UTF8.self) }
                == #"{"username":"me","tags":["a"],"policy":{"confirm":["touch",1.5e3,null,{}],"x":true},"next":-7}"#
        )
    }

    @Test(arguments: [
        "", " ", "{", "[]", "{}", "null", #"{"description":1}"#, #"{"tags":"a"}"#, #"{"tags":["a",]}"#,
        #"{"expires":"1"}"#, #"{"expires":-1}"#, #"{"expires":1.0}"#, #"{"expires":01}"#,
        #"{"expires":9007199254740992}"#, #"{"fields":{"a":1}}"#, #"{"fields":{"a":"1","a":"2"}}"#,
        #"{"tags":["a"],"tags":["b"]}"#,
        #"{"tags":["a"]} x"#, #"{"x":tru}"#, #"{"x":nan}"#, #"{"x":0x10}"#, #"{"x":1.}"#, #"{"x":.5}"#,
        #"{"x":-}"#, #"{"x":1e}"#, #"{"x":1.e5}"#, #"{"x":007}"#, #"{"x":+1}"#, #"{"tags":["\ud800"]}"#,
        #"{"tags":["a"]"#, "{\"description\":\"\u{0}\"}",
        #"{"x":"# + String(repeating: "[", count: 600) + String(repeating: "]", count: 600) + "}",
        String(repeating: "[", count: 60_000),
    ])
    func `that say nothing or break a rule are none`(text: String) { #expect(Self.parsed(text) == nil) }

    @Test func `have their fields sorted by name, however many there are`() {
        let names = (0..<3000).map { "f\($0)" }
        let members = names.reversed().map { #""\#($0)":"\#($0)""# }.joined(separator: ",")
        let fields = Self.parsed(#"{"fields":{"# + members + "}}")?.fields
        #expect(fields?.map(\.name) == names.sorted() && fields?.map(\.text) == names.sorted())
    }

    @Test func `that are not UTF-8 are none`() {
        #expect(Metadata(json: (Array("{\"description\":\"".utf8) + [0xFF] + Array("\"}".utf8)).span) == nil)
    }

    @Test func `say when a value is due, by the age of the value`() {
        var metadata = Metadata()
        #expect(metadata.due(setAt: 5) == nil)
        metadata.rotateEvery = 10
        #expect(metadata.due(setAt: 5) == 15)
        #expect(metadata.due(setAt: .max) == .max)
        metadata.expires = 12
        #expect(metadata.due(setAt: 5) == 12)
        #expect(metadata.due(setAt: 1) == 11)
        #expect([11, 12, 13].map { metadata.isExpired(at: $0) } == [false, true, true])
    }

    @Test func `have a history of their own, apart from the value's`() throws {
        let temporary = try TemporaryVault()
        let vault = try temporary.create()
        try vault.put("TOKEN", .project("web"), "one")
        let set = try vault.history(of: secret)
        #expect(try vault.metadata(of: secret) == nil)
        #expect(vault.secrets(with: .metadata) == [])
        try vault.editMetadata(of: secret) { $0 = Self.full }
        try vault.editMetadata(of: secret) { $0.tags = [] }
        try vault.editMetadata(of: secret) { _ in }
        for vault in [vault, try temporary.open()] {
            #expect(try vault.history(of: secret) == set)
            #expect(try vault.bytes("TOKEN", .project("web")) == Array("one".utf8))
            #expect(try vault.history(of: secret, .metadata).map(\.isDeletion) == [false, false])
            #expect(try vault.metadata(of: secret)?.tags == [])
            #expect(try vault.metadata(of: secret, version: 1) == Self.full)
            #expect(try vault.metadata(of: secret, version: 2) == nil)
            #expect(vault.secrets() == [secret] && vault.secrets(with: .metadata) == [secret])
            #expect(try vault.contains(secret))
            #expect(vault.summary().secrets == 1)
        }
    }

    @Test func `of what does not exist cannot be edited, and create nothing`() throws {
        let vault = try TemporaryVault().create()
        #expect(throws: VaultError.noSuchSecret) { try vault.editMetadata(of: secret) { $0 = Self.full } }
        var changes = try Changes()
        try changes.set(secret, metadata: Self.full)
        try vault.commit(changes)
        #expect(vault.secrets() == [] && vault.secrets(with: .metadata) == [secret])
        #expect(throws: VaultError.noSuchSecret) { try vault.bytes("TOKEN", .project("web")) }
        #expect(try !vault.contains(secret))
    }

    @Test func `stay when the secret is deleted, and are there when it is brought back`() throws {
        let vault = try TemporaryVault().create()
        try vault.put("TOKEN", .project("web"), "one")
        try vault.editMetadata(of: secret) { $0 = Self.full }
        try vault.delete("TOKEN", in: .project("web"))
        _ = try vault.compact(keeping: .none)
        #expect(vault.secrets() == [])
        try vault.put("TOKEN", .project("web"), "two")
        #expect(try vault.metadata(of: secret) == Self.full)
    }

    @Test func `are kept by a compaction, without their older versions`() throws {
        let temporary = try TemporaryVault()
        let vault = try temporary.create()
        try vault.put("TOKEN", .project("web"), "one")
        for tag in ["a", "b", "c"] { try vault.editMetadata(of: secret) { $0.tags = [tag] } }
        _ = try vault.compact(keeping: .none)
        try vault.refresh()
        for vault in [vault, try temporary.open()] {
            #expect(try vault.metadata(of: secret)?.tags == ["c"])
            #expect(try vault.history(of: secret, .metadata).count == 1)
        }
    }

    @Test func `are undone if they were changed last, and with the value if both were changed at once`()
        throws
    {
        let vault = try TemporaryVault().create()
        try vault.put("TOKEN", .project("web"), "one")
        #expect(try !vault.undoMetadata(of: secret))
        try vault.editMetadata(of: secret) { $0.tags = ["a"] }
        try vault.editMetadata(of: secret) { $0.tags = ["b"] }
        #expect(try vault.undoMetadata(of: secret))
        #expect(try vault.metadata(of: secret)?.tags == ["a"])
        var changes = try Changes()
        try changes.set(secret, to: Array("two".utf8).span)
        try changes.set(secret, metadata: Self.full)
        try vault.commit(changes)
        #expect(try !vault.undoMetadata(of: secret))
        try vault.undo(secret)
        #expect(try vault.metadata(of: secret)?.tags == ["a"])
        #expect(try vault.bytes("TOKEN", .project("web")) == Array("one".utf8))
    }

    @Test func `that were removed are none, and can be brought back`() throws {
        let vault = try TemporaryVault().create()
        try vault.put("TOKEN", .project("web"), "one")
        try vault.editMetadata(of: secret) { $0 = Self.full }
        try vault.editMetadata(of: secret) { $0 = Metadata() }
        #expect(try vault.metadata(of: secret) == nil)
        #expect(try vault.metadata(among: [secret]) == [:])
        #expect(try vault.undoMetadata(of: secret))
        #expect(try vault.metadata(among: [secret]) == [secret: Self.full])
    }

    @Test func `go with a copy of the secret`() throws {
        let vault = try TemporaryVault().create()
        try vault.put("TOKEN", .project("web"), "one")
        try vault.editMetadata(of: secret) { $0 = Self.full }
        let copy = SecretID("TOKEN", in: .team)
        var changes = try Changes()
        try vault.addCopy(of: secret, vault.metadata(of: secret), to: copy, to: &changes)
        try vault.commit(changes)
        #expect(try vault.metadata(of: [copy, secret], version: 0) == [Self.full, Self.full])
    }

    @Test func `of more than 64 KiB are refused, and nothing is changed`() throws {
        let vault = try TemporaryVault().create()
        try vault.put("TOKEN", .project("web"), "one")
        #expect(throws: VaultError.metadataTooLong) {
            try vault.editMetadata(of: secret) { $0.description = String(repeating: "x", count: 65_536) }
        }
        try vault.editMetadata(of: secret) { metadata in
            metadata.description = String(repeating: "x", count: 65_536 - #"{"description":""}"#.utf8.count)
        }
        #expect(try vault.history(of: secret, .metadata).count == 1)
    }

    @Test func `that another process changes meanwhile are not overwritten`() throws {
        let temporary = try TemporaryVault()
        let vault = try temporary.create()
        try vault.put("TOKEN", .project("web"), "one")
        let other = try temporary.open()
        var isFirst = true
        try vault.editMetadata(of: secret) { metadata in
            if isFirst { try? other.editMetadata(of: self.secret) { $0.tags.append("theirs") } }
            isFirst = false
            metadata.tags.append("ours")
        }
        #expect(try vault.metadata(of: secret)?.tags == ["theirs", "ours"])
    }

    @Test(arguments: ["*.example.com", "localhost:5432", "10.0.0.1", "[::1]:80"])
    func `take patterns of hosts`(host: String) { #expect(Metadata.isValidHost(host)) }

    @Test(arguments: ["", "a b", "https://a", "a/b", "a\nb", "user@host", String(repeating: "a", count: 256)])
    func `refuse what is no pattern of hosts`(host: String) { #expect(!Metadata.isValidHost(host)) }
}
