import Foundation
import Sodium
import Testing
import VaultFile
import VaultCore

@Suite struct `A vault` {
    @Test func `keeps values byte for byte`() throws {
        let temporary = try TemporaryVault()
        let values: [[UInt8]] = [
            [], [0], Array(0...255), Array("line\n".utf8), [0xFF, 0xFE, 0x80],
            [UInt8](repeating: 7, count: 1 << 20),
        ]
        do {
            let vault = try temporary.create()
            for (index, value) in values.enumerated() {
                try vault.set("N\(index)", in: .team, to: value.span)
            }
        }
        let vault = try temporary.open()
        for (index, value) in values.enumerated() { #expect(try vault.bytes("N\(index)", .team) == value) }
    }

    @Test func `is compacted while it is open, and goes on in the new file`() throws {
        let temporary = try TemporaryVault()
        let vault = try temporary.create()
        for number in 0..<5 { try vault.put("A", .team, "\(number)") }
        try vault.put("B", .project("web"), "b")
        let report = try vault.compact(keeping: .none)
        #expect((report.generation, report.dropped, report.kept) == (2, 4, 2))
        try vault.put("C", .team, "c")
        for vault in [vault, try temporary.open()] {
            #expect(try vault.bytes("A", .team) == Array("4".utf8))
            #expect(try vault.bytes("C", .team) == Array("c".utf8))
            #expect(try vault.history(of: SecretID("A", in: .team)).count == 1)
        }
    }

    @Test func `refuses a value of more than one mebibyte`() throws {
        let vault = try TemporaryVault().create()
        #expect(throws: VaultError.valueTooLong) {
            try vault.set("N", in: .team, to: [UInt8](repeating: 0, count: 1 << 20 + 1).span)
        }
        #expect(vault.secrets().isEmpty)
    }

    @Test(arguments: ["", "1A", "A B", "A=B", "é", "A\u{0}", "-A", ".A", String(repeating: "A", count: 129)])
    func `refuses a malformed name`(name: String) throws {
        let vault = try TemporaryVault().create()
        #expect(!SecretID.isValidName(name))
        #expect(throws: VaultError.invalidName) { try vault.put(name, .team, "x") }
    }

    @Test(arguments: ["", "_a", "a b", "a/b", "ü", "-", String(repeating: "a", count: 129)])
    func `refuses a malformed id`(id: String) throws {
        let vault = try TemporaryVault().create()
        #expect(!SecretID.isValidID(id))
        #expect(throws: VaultError.invalidID) { try vault.put("A", .project(id), "x") }
        #expect(throws: VaultError.invalidID) { try vault.contains(SecretID("A", in: .cluster(id))) }
    }

    @Test(arguments: ["A", "_", "a.b-c_9", String(repeating: "A", count: 128)])
    func `accepts names of 1 to 128 characters`(name: String) throws {
        let vault = try TemporaryVault().create()
        try vault.put(name, .project("0-_." + String(repeating: "z", count: 124)), "x")
        #expect(vault.secrets().map(\.name) == [name])
    }

    @Test func `makes many changes together, the last one of a name winning`() throws {
        let temporary = try TemporaryVault()
        let vault = try temporary.create()
        var changes = try Changes()
        for index in 0..<1000 {
            try changes.set(SecretID("N\(index % 500)", in: .team), to: [UInt8(index % 251)].span)
        }
        try changes.delete(SecretID("N0", in: .team))
        try vault.commit(changes)
        let again = try temporary.open()
        #expect(again.secrets().count == 499)
        #expect(try again.bytes("N499", .team) == [UInt8(999 % 251)])
        #expect(try again.history(of: SecretID("N0", in: .team)).map(\.isDeletion) == [true, false, false])
    }

    @Test func `keeps the history of a secret, deletions too`() throws {
        let vault = try TemporaryVault().create()
        try vault.put("N", .team, "one")
        try vault.put("N", .team, "two")
        try vault.delete("N", in: .team)
        let history = try vault.history(of: SecretID("N", in: .team))
        #expect(history.map(\.isDeletion) == [true, false, false])
        #expect(history[0].time > history[1].time && history[1].time > history[2].time)
        #expect(try vault.bytes("N", .team, version: 1) == Array("two".utf8))
        #expect(try vault.bytes("N", .team, version: 2) == Array("one".utf8))
        #expect(throws: VaultError.noSuchSecret) { try vault.bytes("N", .team) }
        #expect(throws: VaultError.noSuchVersion) { try vault.bytes("N", .team, version: 3) }
    }

    @Test func `undo goes back by one, and can be undone`() throws {
        let vault = try TemporaryVault().create()
        let secret = SecretID("N", in: .team)
        #expect(throws: VaultError.noSuchSecret) { try vault.undo(secret) }
        try vault.put("N", .team, "one")
        #expect(throws: VaultError.noSuchVersion) { try vault.undo(secret) }
        try vault.put("N", .team, "two")
        #expect(try vault.undo(secret))
        #expect(try vault.bytes("N", .team) == Array("one".utf8))
        #expect(try vault.undo(secret))
        #expect(try vault.bytes("N", .team) == Array("two".utf8))
        try vault.delete("N", in: .team)
        #expect(try vault.undo(secret))
        #expect(try vault.bytes("N", .team) == Array("two".utf8))
        #expect(try !vault.undo(secret))
        #expect(try !vault.contains(secret))
    }

    @Test func `undo undoes what is the newest by then, whoever wrote it`() throws {
        let temporary = try TemporaryVault()
        let (one, two) = (try temporary.create(), try temporary.open())
        for text in ["one", "two"] { try one.put("N", .team, text) }
        try two.refresh()
        try one.put("N", .team, "three")
        #expect(try two.undo(SecretID("N", in: .team)))
        #expect(try two.bytes("N", .team) == Array("two".utf8))
    }

    @Test func `deleting what is not there is an error and writes nothing`() throws {
        let vault = try TemporaryVault().create()
        let before = vault.summary()
        #expect(throws: VaultError.noSuchSecret) { try vault.delete("N", in: .team) }
        #expect(vault.summary() == before)
    }

    @Test func `two open vaults see each other's changes after a refresh`() throws {
        let temporary = try TemporaryVault()
        let one = try temporary.create()
        let two = try temporary.open()
        try one.put("A", .team, "1")
        try two.put("B", .team, "2")
        try one.refresh()
        #expect(one.secrets() == two.secrets())
        #expect(one.secrets().count == 2)
        try two.delete("A", in: .team)
        #expect(try temporary.open().secrets().map(\.name) == ["B"])
    }

    @Test func `is not opened by another passphrase, an empty one, or one too long`() throws {
        let temporary = try TemporaryVault()
        _ = try temporary.create()
        for (passphrase, error) in [
            (Array("correct horsf".utf8), VaultError.file(.wrongPassphrase)), ([], .invalidPassphrase),
            ([UInt8](repeating: 65, count: 1025), .invalidPassphrase),
        ] {
            #expect(throws: error) {
                _ = try LocalSession.open(
                    at: temporary.path, passphrase: passphrase.span, dependencies: TemporaryVault.dependencies
                )
            }
        }
    }

    @Test func `is never made over a file`() throws {
        let temporary = try TemporaryVault()
        try temporary.create().put("A", .team, "x")
        #expect(throws: VaultError.file(.alreadyExists)) { _ = try temporary.create() }
        #expect(try temporary.open().secrets().count == 1)
    }

    @Test func `with weak parameters is refused by the bounds that a release has`() throws {
        let temporary = try TemporaryVault()
        _ = try temporary.create()
        let weak = Argon2id.Parameters(passes: 1, memoryKiB: 8)
        let passphrase = TemporaryVault.passphrase
        #expect(throws: VaultError.file(.refusedParameters(weak))) {
            _ = try LocalSession.open(at: temporary.path, passphrase: passphrase.span)
        }
        #expect(throws: VaultError.file(.refusedParameters(weak))) {
            _ = try LocalSession.create(
                at: temporary.path + "2", passphrase: passphrase.span, parameters: weak)
        }
    }

    @Test func `tells of bytes that a killed writer left, and of what became of them`() throws {
        let temporary = try TemporaryVault()
        try temporary.create().put("A", .team, "x")
        let handle = try #require(FileHandle(forWritingAtPath: temporary.path))
        try handle.seekToEnd()
        try handle.write(contentsOf: [UInt8](repeating: 9, count: 33))
        try handle.close()
        let vault = try temporary.open()
        #expect(vault.takeNotices() == [.unfinishedTail(count: 33)])
        #expect(vault.takeNotices() == [])
        #expect(try vault.check().count == 1)
        try vault.put("B", .team, "y")
        guard case .savedTail(33, let path) = vault.takeNotices().first else {
            Issue.record("the tail was not saved")
            return
        }
        #expect(
            FileManager.default.contents(atPath: path)?.elementsEqual([UInt8](repeating: 9, count: 33))
                == true)
        #expect(try vault.check().isEmpty)
        #expect(try temporary.open().secrets().count == 2)
    }
}
