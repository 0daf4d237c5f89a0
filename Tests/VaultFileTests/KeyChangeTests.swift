import Compaction
import Platform
import Sodium
import Testing

@testable import VaultFile

/// New keys: vault-format.md, sections 3 and 9.
@Suite struct KeyChangeTests {
    private let world = World()

    /// Creates a vault with every kind of record and several versions.
    private func vault() throws -> Log {
        let log = try world.create()
        try log.append(.text("A", "one"), .text("project:web/B", "two"))
        try log.append(.text("A", "three"), .remove("project:web/B"))
        try log.append(.put("cluster:gpu-1/C", noise(3000)))
        return log
    }

    /// Gives the vault new keys.
    ///
    /// - Returns: the text of the recovery key, if there is one.
    @discardableResult
    private func changeKeys(
        from old: [UInt8], to passphrase: String, hasRecoveryKey: Bool = false
    ) throws -> String? {
        let header = try Log.readHeader(path: world.path, dependencies: world.dependencies)
        let passphrase = Array(passphrase.utf8)
        let keys = try NewKeys(
            for: header.vaultID, passphrase: passphrase.span, parameters: World.weak,
            hasRecoveryKey: hasRecoveryKey, dependencies: world.dependencies)
        _ = try Compaction.changeKeys(
            path: world.path, from: MasterKey(bytes: old).copy(), to: keys, dependencies: world.dependencies)
        var text: String?
        keys.showRecovery { key in
            text = try? key.textForTests()
        }
        return text
    }

    private func open(recovery text: String) throws -> Log { try Opener().open(world, recovery: text) }

    @Test func `every version is carried over, and the old passphrase opens nothing`() throws {
        let history = try vault().history()
        try changeKeys(from: world.masterKey(), to: "new")
        #expect(world.verdict() == .wrongPassphrase)
        let log = try world.open(passphrase: "new")
        #expect(try log.history() == history)
        #expect(log.header.generation == 2)
        #expect(try log.check().isEmpty)
        try log.append(.text("D", "four"))
        #expect(try world.open(passphrase: "new").text("D") == "four")
    }

    @Test func `a log that is open under the old keys learns and writes nothing`() throws {
        let log = try vault()
        try changeKeys(from: world.masterKey(), to: "new")
        let bytes = world.bytes
        #expect(throws: VaultFileError.keysChanged) { try log.refresh() }
        #expect(throws: VaultFileError.keysChanged) { try log.append(.text("A", "lost")) }
        #expect(world.bytes == bytes)
    }

    @Test func `the old header on the new body opens no record of it`() throws {
        _ = try vault()
        let (old, front) = (try world.masterKey(), Array(world.bytes.prefix(4608)))
        try changeKeys(from: old, to: "new")
        try world.open(passphrase: "new").append(.text("D", "after"))
        world.bytes = front + world.bytes.dropFirst(4608)
        // Generation 1 promises no content, so this looks like an unfinished first transaction; only a
        // checkpoint tells.
        let log = try world.open()
        #expect(log.addresses.isEmpty)
        #expect(log.unfinishedTail?.offset == 4608)
    }

    @Test func `the old header of a rewritten vault on the new body is damage`() throws {
        _ = try vault()
        let old = try world.masterKey()
        _ = try Compaction.run(
            path: world.path, master: MasterKey(bytes: old).copy(), keeping: .all,
            dependencies: world.dependencies)
        let front = Array(world.bytes.prefix(4608))
        try changeKeys(from: old, to: "new")
        world.bytes = front + world.bytes.dropFirst(4608)
        #expect(world.verdict() == .damaged(at: 4608))
    }

    @Test(arguments: [128, 272])
    func `an old slot in the new header opens nothing`(offset: Int) throws {
        _ = try vault()
        let recovery = try #require(
            try changeKeys(from: world.masterKey(), to: "open sesame", hasRecoveryKey: true))
        let slot = world.bytes[offset..<offset + 144]
        try changeKeys(from: world.masterKey(), to: "new", hasRecoveryKey: true)
        var bytes = world.bytes
        bytes.replaceSubrange(offset..<offset + 144, with: slot)
        bytes.replaceSubrange(448..<480, with: try BLAKE2b.hash(Array(bytes[..<448]).span))
        world.bytes = bytes
        #expect(throws: VaultFileError.tamperedHeader) {
            _ = try offset == 128 ? world.open() : open(recovery: recovery)
        }
    }

    @Test func `keys that were made for another vault change nothing`() throws {
        _ = try vault()
        let bytes = world.bytes
        let keys = try NewKeys(
            for: .zero, passphrase: [1].span, parameters: World.weak, hasRecoveryKey: false,
            dependencies: world.dependencies)
        let old = try MasterKey(bytes: world.masterKey()).copy()
        #expect(throws: VaultFileError.replaced) {
            try Compaction.changeKeys(
                path: world.path, from: old, to: keys, dependencies: world.dependencies)
        }
        #expect(world.bytes == bytes && world.otherFiles.isEmpty)
    }

    @Test func `neither keys nor content of another vault are taken`() throws {
        let (world, other) = (World(), World(seed: 9))
        let (log, there) = (try world.create(), try other.create())
        try log.append(.text("A", "one"))
        let before = world.bytes
        #expect(throws: VaultFileError.replaced) { try Compaction.takeKeys(log, of: there) { _ in } }
        #expect(throws: VaultFileError.replaced) { try Compaction.becomeCopy(log, of: there) }
        #expect(world.bytes == before && world.otherFiles == [])
    }

    @Test func `keys are not changed by who has the wrong ones, nor where something is damaged`() throws {
        _ = try vault()
        #expect(throws: VaultFileError.keysChanged) { try changeKeys(from: noise(32), to: "new") }
        world.bytes[4100] ^= 1
        #expect(throws: VaultFileError.damaged(at: 4100)) {
            try changeKeys(from: world.masterKey(), to: "new")
        }
        world.bytes[4100] ^= 1
        #expect(try world.open().text("A") == "three")
        #expect(world.otherFiles.isEmpty)
    }

    @Test func `the recovery key opens the vault until the keys are changed`() throws {
        _ = try vault()
        let first = try #require(
            try changeKeys(from: world.masterKey(), to: "open sesame", hasRecoveryKey: true))
        #expect(try open(recovery: first).text("A") == "three")
        _ = try Compaction.run(
            path: world.path, master: MasterKey(bytes: world.masterKey()).copy(), keeping: .none,
            dependencies: world.dependencies)
        #expect(try open(recovery: first).text("A") == "three")
        let second = try #require(
            try changeKeys(from: world.masterKey(), to: "open sesame", hasRecoveryKey: true))
        #expect(first != second)
        #expect(throws: VaultFileError.wrongRecoveryKey) { try open(recovery: first) }
        #expect(try open(recovery: second).text("A") == "three")
        try changeKeys(from: world.masterKey(), to: "open sesame")
        #expect(throws: VaultFileError.noRecoveryKey) { try open(recovery: second) }
    }

    @Test func `a credential is a passphrase or a recovery key, and of the latter there may be none`() throws
    {
        _ = try vault()
        let header = try Log.readHeader(path: world.path, dependencies: world.dependencies)
        let passphrase = world.passphrase
        let master = try header.unlock(
            with: .passphrase(try SecretBytes(copying: passphrase.span)))
        #expect(try header.isAuthentic(master: master))
        let entropy = world.dependencies.entropy
        #expect(throws: VaultFileError.noRecoveryKey) {
            _ = try header.unlock(with: .recovery(try RecoveryKey(entropy: entropy)))
        }
    }

    @Test func `a new vault can have a recovery key`() throws {
        var shown: [String] = []
        let passphrase = world.passphrase
        _ = try Log.create(
            path: world.path, passphrase: passphrase.span, parameters: World.weak,
            dependencies: world.dependencies
        ) { key in
            if let text = try? key.textForTests() { shown.append(text) }
        }
        #expect(shown.count == 1)
        #expect(try open(recovery: shown[0]).header.generation == 1)
        #expect(try world.open().header.hasRecoveryKey)
    }
}

/// The text of a recovery key: vault-format.md, section 3.
@Suite struct RecoveryKeyTests {
    private let entropy = Entropy.testOnlySequence(TestOnlySequence(seed: 5))

    /// Returns the key that the typed text means; nil if it is rejected.
    private func read(_ typed: String) throws -> String? {
        let typed = Array(typed.utf8)
        do throws(VaultFileError) {
            let key = try RecoveryKey(typed: typed.span)
            return try? key.textForTests()
        } catch {
            if error == .mistypedRecoveryKey { return nil }
            throw error
        }
    }

    @Test func `it is read back however it is typed`() throws {
        for _ in 0..<50 {
            let written = try RecoveryKey(entropy: entropy).textForTests()
            #expect(written.utf8.count == RecoveryKey.textSize)
            #expect(written.split(separator: "-").map(\.count) == [6, 6, 6, 6, 6, 6])
            let looseness = [
                written, written.lowercased(), written.filter { $0 != "-" }, " " + written + " ",
                written.replacing("-", with: " "), String(written.map { $0 == "0" ? "O" : $0 }),
                String(written.map { $0 == "1" ? "l" : $0 }), String(written.map { $0 == "1" ? "I" : $0 }),
                String(written.map { $0 == "0" ? "o" : $0 }),
            ]
            for typed in looseness { #expect(try read(typed) == written, "\(typed)") }
        }
    }

    @Test func `every slip of the hand is recognised`() throws {
        let digits = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
        let written = Array(try RecoveryKey(entropy: entropy).textForTests())
        var tried = 0
        for place in written.indices where written[place] != "-" {
            for digit in digits where digit != written[place] {
                var typed = written
                typed[place] = digit
                #expect(try read(String(typed)) == nil)
                tried += 1
            }
            for other in written.indices.dropFirst(place + 1) where written[other] != written[place] {
                guard written[other] != "-" else { continue }
                var typed = written
                typed.swapAt(place, other)
                #expect(try read(String(typed)) == nil)
                tried += 1
            }
            var (less, more) = (written, written)
            less.remove(at: place)
            more.insert(written[place], at: place)
            #expect(try read(String(less)) == nil && read(String(more)) == nil)
        }
        #expect(tried > 1600)
        for typed in ["", "-", "U" + String(written.dropFirst()), String(written) + "é", "correct horse"] {
            #expect(try read(typed) == nil)
        }
    }
}

extension RecoveryKey {
    /// Returns the key as the user sees it.
    fileprivate borrowing func textForTests() throws(SodiumError) -> String {
        String(decoding: try text().array, as: UTF8.self)
    }
}
