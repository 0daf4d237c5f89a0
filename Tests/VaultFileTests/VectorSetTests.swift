import Compaction
import Platform
import Sodium
import Testing

@testable import VaultFile
@testable import VaultCore

/// The vectors of Tests/Vectors/v2: reading, rollback, rewrites, merges; and those of v3, with metadata.
@Suite struct VectorSetTests {
    @Test func `every vector of the second set is what it says`() throws { try compare("v2") }

    @Test func `every vector with metadata is what it says`() throws { try compare("v3") }

    private func compare(_ set: String) throws {
        let opener = Opener()
        let paths = SetVector.paths(in: set)
        var failed = 0
        for path in paths {
            let vector = try SetVector(path, in: set)
            let found = try VectorSetTests.found(vector, opener)
            let expected = vector.expected
            guard found != expected else { continue }
            failed += 1
            let names = Set(found.keys).union(expected.keys).filter { found[$0] != expected[$0] }
            let differences = names.sorted().map { name in
                "\(name) \(found[name].map { "\($0)" } ?? "missing"), not \(expected[name].map { "\($0)" } ?? "there")"
            }
            Issue.record("\(path): \(differences.joined(separator: "; "))")
        }
        print("vectors of \(set) in Swift: \(paths.count - failed) passed, \(failed) failed")
    }

    /// The digest of each set, also in test_vectors2.py; vectors may be added, but not changed or removed.
    @Test(arguments: [
        ("v2", "02bd886b2d8d37513753b86d3670064e2f2a6848fdccc1e398868896c7d70ddf"),
        ("v3", "bf7afc13609aeb37f46f4e36f640637914ccb3dfd15eed000c4d182cdb0fea72"),
    ])
    func `the vectors of the second set are frozen, and those with metadata`(
        set: String, digest: String
    ) throws {
        var list: [UInt8] = []
        for path in SetVector.paths(in: set) {
            let content = Array(try SetVector.read(path, in: set))
            list += Array(path.utf8) + [0] + (try BLAKE2b.hash(content.span))
        }
        #expect(try BLAKE2b.hash(list.span).hexadecimal == digest)
    }

    /// Returns the facts that this program finds for a vector.
    private static func found(_ vector: SetVector, _ opener: Opener) throws -> [String: Fact] {
        let world = try vector.world()
        do {
            switch vector.kind {
            case "reader": return try read(vector, world, opener)
            case "rollback": return try remembered(vector, world, opener)
            case "compaction": return try rewritten(vector, world, opener)
            case "purge": return try purged(vector, world, opener)
            case "salvage": return try salvaged(vector, world, opener)
            default: return try merged(vector, world, opener)
            }
        } catch let error as VaultFileError {
            // The rewrite with other keys succeeded, only the merge did not.
            let isRewritten = vector.isGiven("--take-keys") && error == .numbersExhausted
            if !isRewritten { try expectUntouched(vector, world) }
            guard case .damaged(let offset) = error else { return ["expect": .text(Opener.word(error))] }
            return ["expect": .text("damage"), "offset": .number(offset)]
        }
    }

    /// Checks that files that were not written are unchanged.
    private static func expectUntouched(_ vector: SetVector, _ world: World) throws {
        let isSame = world.bytes == vector.files[0]
        #expect(isSame, "\(vector.path)")
        let known = [world.path, SetVector.otherPath]
        #expect(
            world.disk.files.keys.allSatisfy { known.contains($0) || $0.hasPrefix("/state") },
            "\(vector.path)")
    }

    // MARK: - One file

    private static func read(_ vector: SetVector, _ world: World, _ opener: Opener) throws -> [String: Fact] {
        let log: Log
        if let recovery = vector.head["recovery"]?.text {
            log = try opener.open(world, recovery: recovery)
        } else if !Format.passphraseSizes.contains(world.passphrase.count) {
            // The caller rejects such a passphrase before the header is unlocked.
            var isAsked = false
            do throws(VaultFileError) {
                log = try Log(path: world.path, access: .reading, dependencies: world.dependencies) {
                    _ throws(VaultFileError) in
                    isAsked = true
                    throw .wrongPassphrase
                }
            } catch {
                if isAsked { return ["expect": .text("invalid passphrase")] }
                throw error
            }
        } else {
            log = try opener.open(world)
        }
        try expectUntouched(vector, world)
        var said: [String: Fact] = try log.countFacts()
        said["expect"] = .text(log.unfinishedTail == nil ? "whole" : "unfinished tail")
        said["end"] = .number(log.committedEnd)
        said["seq"] = .number(log.committedSeq)
        said["tail"] = log.unfinishedTail.map { .number($0.count) }
        said["skipped"] = .number(log.replay.skipped)
        said["descent"] = try log.descentFacts()
        said["purged"] = .number(log.purged.entries.count)
        let check = try log.check().compactMap { finding -> Fact? in
            switch finding {
            case .gapNotZero(let at): .text("gap \(at)")
            case .headerCopyDiffers(let at): .text("copy \(at)")
            case .noFrames, .unfinishedTail: nil
            }
        }
        if !check.isEmpty { said["check"] = .list(check) }
        return said
    }

    private static func remembered(
        _ vector: SetVector, _ world: World, _ opener: Opener
    ) throws -> [String: Fact] {
        var world = world
        world.dependencies.checkpoints = CheckpointStore(path: "/state/seen", storage: world.disk)
        let name = try BLAKE2b.hash(Array(world.path.utf8).span, count: 16).hexadecimal
        let path = "/state/seen/" + name
        world.disk[path] = try #require([UInt8](hexadecimal: vector.head["checkpoint"]?.text ?? ""))
        let log: Log
        do {
            log = try opener.open(world)
        } catch VaultFileError.replaced {
            return ["expect": .text("another vault")]
        } catch VaultFileError.rolledBack(let rollback) {
            switch rollback.reason {
            case .older: return ["expect": .text("older")]
            case .diverged: return ["expect": .text("diverged")]
            case .unprovableRewrite, .unprovableAge: return ["expect": .text("unprovable")]
            case .keys: return ["expect": .text("keys")]
            }
        }
        if log.observations.contains(.checkpointTorn) { return ["expect": .text("no checkpoint")] }
        var said: [String: Fact] = ["expect": .text("pass")]
        guard vector.head["next"] != nil else { return said }
        let store = CheckpointStore(path: "/state/seen", storage: world.disk)
        let seen = vector.head["checkpoint"]?.text.flatMap { [UInt8](hexadecimal: $0) } ?? []
        let written = try #require(try store.entry(of: world.path).lastSeen)
        world.disk[path] = seen
        let before = try #require(try store.entry(of: world.path).lastSeen)
        let next = try log.checkpoint(following: [before])
        try store.set(next, of: world.path)
        said["next"] = .text(world.disk[path].hexadecimal)
        // Nothing is written if only the time has changed.
        #expect(
            written == (before.isAt(log.committed, of: log.header) ? before : .checkpoint(next)),
            "\(vector.path)")
        return said
    }

    // MARK: - Rewrites

    private static func rewritten(
        _ vector: SetVector, _ world: World, _ opener: Opener
    ) throws -> [String: Fact] {
        let log = try opener.open(world)
        guard vector.head["rewrite"] == .text("compaction") else {
            let (passphrase, path) = (world.passphrase, world.path)
            let keys = try NewKeys(
                for: log.header.vaultID, passphrase: passphrase.span,
                parameters: .init(passes: 1, memoryKiB: 8192),
                hasRecoveryKey: false, dependencies: world.dependencies)
            _ = try Compaction.changeKeys(
                path: path, from: try log.copyOfMasterKey(), to: keys, dependencies: world.dependencies)
            return try opener.open(world).rewriteFacts()
        }
        let retention: Retention
        switch vector.head["keep"] {
        case .text("all"): retention = .all
        case .number(let time): retention = .replacedSince(time)
        default: retention = .none
        }
        _ = try Compaction.run(log, keeping: retention)
        return try opener.open(world).rewriteFacts()
    }

    private static func purged(_ vector: SetVector, _ world: World, _ opener: Opener) throws -> [String: Fact]
    {
        let log = try opener.open(world)
        let wanted = try (vector.head["purge"]?.list ?? []).map { fact in
            let parts = try #require(fact.list)
            let bytes = try #require([UInt8](hexadecimal: parts[0].text ?? ""))
            let id = 4..<4 + Int(bytes[1])
            return (
                address: try #require(
                    Address(scope: bytes[0], id: Array(bytes[id]), name: Array(bytes[id.upperBound...]))),
                time: parts[1].number, kind: parts[2].number
            )
        }
        let address = wanted[0].address
        let (versions, metadata) = (log.versions(address), log.versions(address.metadata))
        let place = versions.firstIndex {
            ($0.time, UInt64($0.kind.rawValue)) == (wanted[0].time, wanted[0].kind)
        }
        let purge: Compaction.Purge
        if wanted.count == 1, let place {
            purge = .version(place)
        } else {
            // One version or all, and then all metadata too.
            try #require(wanted.allSatisfy { $0.address == address })
            try #require(wanted.count == versions.count + metadata.count)
            purge = .all
        }
        _ = try Compaction.purge(
            purge, of: address, path: world.path, master: try log.copyOfMasterKey(),
            dependencies: world.dependencies)
        return try opener.open(world).rewriteFacts()
    }

    private static func salvaged(
        _ vector: SetVector, _ world: World, _ opener: Opener
    ) throws -> [String: Fact] {
        let target = "/home/salvaged"
        let master = try opener.salvageKey(of: world)
        let report = try Salvage.run(
            from: world.path, to: target, master: master, dependencies: world.dependencies)
        let isUntouched = world.bytes == vector.files[0]
        #expect(isUntouched, "\(vector.path)")
        let log = try Log(
            path: target, access: .reading, dependencies: world.dependencies, master: try master.copy())
        var said = try log.rewriteFacts()
        said["lost"] = .list(
            report.lost.map { lost in
                .list([.number(lost.offset), .number(lost.count), lost.records.map { .number($0) } ?? .null])
            })
        said["unknown"] = .number(report.unknown)
        said["uncertain"] = report.uncertainFrom.map { .number($0) } ?? .null
        return said
    }

    // MARK: - Merging

    private static func merged(_ vector: SetVector, _ world: World, _ opener: Opener) throws -> [String: Fact]
    {
        let (here, there) = (
            try opener.open(world), try opener.open(world, at: SetVector.otherPath, .reading)
        )
        let options = MergeOptions(
            takesKeys: vector.isGiven("--take-keys"), allowsFuture: vector.isGiven("--allow-future"),
            takesAll: vector.isGiven("--all-versions"))
        let hereEnd = here.committedEnd
        let report: Merge.Report
        do throws(VaultFileError) {
            report = try Merge.run(into: here, from: there, options, now: world.clock.now)
        } catch .newerKeys {
            try expectUntouched(vector, world)
            return ["expect": .text("refused"), "relation": .text("newer")]
        } catch {
            throw error
        }
        let isUntouched = world.disk[SetVector.otherPath] == vector.files[1]
        #expect(isUntouched, "\(vector.path)")
        let relation = Fact.text("\(report.relation)")
        let log = try opener.open(world)
        if report.relation == .newer, log.header.lineage == there.committed.tag {
            return try log.rewriteFacts().merging(["expect": .text("copied"), "relation": relation]) { $1 }
        }
        var said = try log.countFacts()
        said["relation"] = relation
        said["partial"] = .bool(report.isPartial)
        said["taken"] = .number(report.versions)
        said["purged_out"] = .number(report.purged)
        said["unknown"] = .number(report.unknown)
        let isRewritten = log.header != here.header
        let before = isRewritten ? log.header.baseEnd : hereEnd
        if !isRewritten, log.committedEnd == before {
            try expectUntouched(vector, world)
        }
        // The report counts versions, the vector names secrets.
        said["future"] = .number(report.future.isEmpty ? 0 : try log.lacks(there) - report.purged)
        #expect(report.isWritten == (world.bytes != vector.files[0]), "\(vector.path)")
        guard report.isWritten else {
            said["expect"] = .text("nothing")
            return said
        }
        said["expect"] = .text("written")
        return said.merging(try log.mergeFacts(from: before, isRewritten: isRewritten)) { $1 }
    }
}

extension Log {
    /// Returns the number of versions of another file that are not in this one.
    fileprivate func lacks(_ other: Log) throws -> UInt64 {
        var count: UInt64 = 0
        for address in other.addresses {
            let own = try entries(address)
            for entry in try other.entries(address) where !own.contains(entry) { count += 1 }
        }
        return count
    }

    /// Returns what a merge wrote from `start` on.
    fileprivate func mergeFacts(from start: UInt64, isRewritten: Bool) throws -> [String: Fact] {
        var transactions: [[Record]] = [[]]
        for record in try records(from: start) {
            transactions[transactions.count - 1].append(record)
            if record.prefix.isCommit { transactions.append([]) }
        }
        transactions.removeLast()
        var (own, said): (ChangeID?, [String: Fact]) = (nil, [:])
        if isRewritten {
            let records = try records()
            said["rewritten"] = try .descent(try records[0].descent())
            let last = try #require(records.first { $0.prefix.isCommit })
            own = try namer().id(of: last.tag)
        }
        said["transactions"] = .number(transactions.count)
        said["descent"] = .null
        var (taken, purged) = ([Record](), [Bytes16]())
        for (number, records) in transactions.enumerated() {
            var rest = records[...]
            var descent = try rest.removeFirst().descent()
            if number == transactions.count - 1 {
                let isChange = descent.isChange
                descent.heads.removeAll { $0 == own }
                guard case .members(var members) = try Fact.descent(descent) else { continue }
                members["change"] = .bool(isChange)
                said["descent"] = .members(members)
                purged = try rest.takePurged()
            } else {
                #expect(
                    descent.ids.isEmpty && descent.keys.isEmpty && descent.dropped == 0 && !descent.isChange)
            }
            taken += rest
        }
        said["order"] = try .order(of: taken)
        return said.merging(try Fact.purged(purged)) { $1 }
    }
}
