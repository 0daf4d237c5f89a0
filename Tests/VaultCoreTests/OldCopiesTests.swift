import Compaction
import Foundation
import Platform
import Sodium
import Testing
import VaultFile
import VaultCore

/// What is said of the files beside a vault when its keys change.
@Suite struct OldCopiesTests {
    private let place: TemporaryVault
    private var directory: String { place.directory.path + "/" }
    private static let tail = "test.vault.unfinished-"

    init() throws {
        place = try TemporaryVault()
        let vault = try place.create()
        try vault.put("A", .team, "one")
        try vault.put("B", .team, "two")
    }

    private var content: [UInt8] {
        get throws { Array(try Data(contentsOf: URL(fileURLWithPath: place.path))) }
    }

    private func write(_ name: String, _ content: some Sequence<UInt8>) throws {
        try Data(content).write(to: URL(fileURLWithPath: directory + name))
    }

    private func holder(_ passphrase: String) throws -> LocalJobRunner {
        try LocalJobRunner.open(
            place.path, passphrase: Array(passphrase.utf8).span, dependencies: TemporaryVault.dependencies)
    }

    /// Changes the passphrase, and gives the names of the files that the report lists.
    @discardableResult
    private func changeKeys(
        from old: String = "correct horse", to new: String = "new"
    ) throws -> (copies: [String], possible: [String]) {
        let report = try holder(old).changeKeys(
            of: place.path, passphrase: Array(new.utf8).span, cost: .kept, announce: { _ in },
            showRecoveryKey: nil)
        let names = [report.oldCopies, report.possibleOldCopies].map { paths in
            paths.map { path in
                #expect(path.hasPrefix(directory))
                return String(path.dropFirst(directory.count))
            }
        }
        return (names[0], names[1])
    }

    @Test func `a copy that never had the old keys is not listed`() throws {
        try write("first.vault", try content)
        try changeKeys(to: "second")
        try write("second.vault", try content)
        try FileManager.default.createSymbolicLink(
            atPath: directory + "self", withDestinationPath: "test.vault")
        let listed = try changeKeys(from: "second", to: "third")
        #expect(listed.copies == ["second.vault"])
        #expect(listed.possible == [])
    }

    @Test func `a copy of an earlier generation that had the old keys is listed, and one under a link`()
        throws
    {
        try write("first.vault", try content)
        _ = try holder("correct horse").compact(place.path, keeping: .all)
        let elsewhere = try TemporaryVault()
        try Data(content).write(to: elsewhere.directory.appendingPathComponent("copy"))
        try FileManager.default.createSymbolicLink(
            atPath: directory + "link", withDestinationPath: elsewhere.directory.path + "/copy")
        let listed = try changeKeys()
        #expect(listed.copies == ["first.vault", "link"])
        #expect(listed.possible == [])
    }

    @Test func `a header that is damaged is made up for by its copy, and else nobody can tell`() throws {
        var bytes = try content
        bytes[100] ^= 1
        try write("first", bytes)
        bytes[4096 + 100] ^= 1
        try write("both", bytes)
        try write("front", bytes.prefix(600))
        bytes[32] ^= 1
        bytes[4096 + 32] ^= 1
        try write("stranger", bytes)
        bytes = try content
        bytes[0] ^= 1
        try write("magic", bytes)
        bytes = try content
        bytes[4096] ^= 1
        try write("copy", bytes)
        let listed = try changeKeys()
        #expect(listed.copies == ["copy", "first", "magic"])
        #expect(listed.possible == ["both", "front"])
    }

    @Test func `of a new header with an old copy, the copy counts`() throws {
        let old = try content
        try changeKeys(to: "second")
        var bytes = try content
        bytes.replaceSubrange(4096..<4608, with: old[4096..<4608])
        try write("mixed", bytes)
        #expect(try changeKeys(from: "second", to: "third").copies == ["mixed"])
    }

    @Test func `a saved tail is listed if a frame of it opens, and else nobody can tell`() throws {
        let bytes = try content
        let frame = 4608 + 176
        #expect(bytes.count == frame + 176)
        try write(Self.tail + "4608-1", bytes[4608...])
        try write(Self.tail + "4784-2", bytes[frame...])
        // The first frame is torn, the second is whole.
        try write(Self.tail + "4608-3", [UInt8](repeating: 0, count: 176) + bytes[frame...])
        // A frame elsewhere than its nonce says, a torn one, and noise.
        try write(Self.tail + "4608-4", bytes[frame...])
        try write(Self.tail + "4784-5", bytes[frame...].dropLast())
        try write(Self.tail + "4784-6", "x".utf8)
        try write(Self.tail + "4784-7", [])
        // No writer saves a tail under these names.
        for name in ["4784", "4784-", "4784-1-2", "4785-1", "16-1", "-1", "x-1", "99999999999999999999-1"] {
            try write(Self.tail + name, bytes[frame...])
        }
        try write("other.vault.unfinished-4784-1", bytes[frame...])
        let listed = try changeKeys()
        #expect(listed.copies == ["4608-1", "4608-3", "4784-2"].map { Self.tail + $0 })
        #expect(listed.possible == ["4608-4", "4784-5", "4784-6"].map { Self.tail + $0 })
    }

    @Test func `of a tail of an earlier generation nobody can tell`() throws {
        try write(Self.tail + "4608-1", try content[4608...])
        _ = try holder("correct horse").compact(place.path, keeping: .all)
        let listed = try changeKeys()
        #expect(listed.copies == [])
        #expect(listed.possible == [Self.tail + "4608-1"])
    }

    @Test func `a tail that this very change moved aside is listed`() throws {
        let vault = try place.open()
        var changes = try Changes()
        for name in ["C", "D"] { try changes.set(SecretID(name, in: .team), to: Array("three".utf8).span) }
        try vault.commit(changes)
        // Without its last sector, it is no transaction.
        try write("test.vault", try content.dropLast(16))
        let listed = try changeKeys()
        #expect(listed.copies.count == 1 && listed.copies.first?.hasPrefix(Self.tail + "4960-") == true)
        #expect(listed.possible == [])
    }

    @Test(.timeLimit(.minutes(10)))
    func `hostile files are neither waited for nor read for long`() throws {
        let bytes = try content
        for (number, name) in ["pipe", Self.tail + "4608-1"].enumerated() {
            #expect(mkfifo(directory + name, 0o600) == 0)
            try FileManager.default.createSymbolicLink(
                atPath: directory + "link-\(number)", withDestinationPath: name)
        }
        for (number, target) in ["/dev/zero", "/dev/full", "/dev/tty", "/", "loop", "missing"].enumerated() {
            try FileManager.default.createSymbolicLink(
                atPath: directory + Self.tail + "4608-2\(number)", withDestinationPath: target)
        }
        try FileManager.default.createSymbolicLink(atPath: directory + "loop", withDestinationPath: "loop")
        try FileManager.default.createDirectory(
            atPath: directory + Self.tail + "4608-3", withIntermediateDirectories: false)
        // A tebibyte that takes no room.
        for (name, front) in [("huge", bytes[...]), (Self.tail + "4608-4", bytes[4608...])] {
            try write(name, front)
            #expect(truncate(directory + name, 1 << 40) == 0)
        }
        // At each multiple of 16, a frame of a mebibyte begins, as far as its length and its nonce say.
        var many = [UInt8](repeating: 0, count: 4 << 20)
        var span = many.mutableSpan
        for start in stride(from: 0, to: span.count, by: 16) {
            span.store(UInt32(1 << 20), at: start)
            span.store(UInt64(4608 + start) &- 16, at: start + 8)
        }
        for number in 5...8 { try write(Self.tail + "4608-\(number)", many) }
        let listed = try changeKeys()
        #expect(listed.copies == ["huge"])
        #expect(
            listed.possible
                == ["4608-4", "4608-5", "4608-6", "4608-7", "4608-8"].map { Self.tail + $0 })
    }
}
