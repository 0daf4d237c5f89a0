import Compaction
import Platform
import Sodium

@testable import VaultFile

/// The invariants of a vault file with any content.
struct VaultCheck {
    private let file: [UInt8]
    private let disk = FuzzDisk()
    private let dependencies: Dependencies
    private var model: Model

    /// The number of bytes beyond which a reader may report that the file wastes its time.
    private static let maxWork = 128 << 20

    /// The number beyond which record numbers may run out.
    private static let lastNumbers = UInt64.max - (1 << 32)

    /// - Parameter file: a file of the known key with an accepted header.
    init(_ file: [UInt8]) {
        self.file = file
        dependencies = Known.dependencies(disk)
        model = Model(file)
        disk[Known.path] = file
    }

    /// Ends the program if an invariant does not hold.
    mutating func run() {
        checkWithoutKey()
        if let log = open() {
            checkFindings(log)
            checkRefresh(log)
            append()
            if isSound { compact() }
        }
        salvage()
    }

    private var isSound: Bool { isClean(gapOf: file) }

    /// True if the header leaves no numbers for another transaction, as only a forged one does.
    private var isExhausted: Bool {
        file.number(UInt64.self, at: 48) > .max - 2
            || file.number(UInt64.self, at: 56) > VaultCheck.lastNumbers
    }

    /// True if an unknown flag forbids writing.
    private var isReadOnly: Bool { file.number(UInt32.self, at: 20) & ~1 != 0 }

    private func isClean(gapOf file: [UInt8]) -> Bool {
        file[512..<4096].allSatisfy { $0 == 0 } && file.count >= 4608 && file[0..<512] == file[4096..<4608]
    }

    private func log(_ access: StorageAccess) throws(VaultFileError) -> Log {
        try Log(path: Known.path, access: access, dependencies: dependencies, master: Known.master)
    }

    /// Opens the file, and compares its content with the model.
    private func open() -> Log? {
        defer { require(disk[Known.path] == file && disk.paths == [Known.path], "opening changes nothing") }
        do throws(VaultFileError) {
            let log = try Effort.bounded("opening", file.count) { () throws(VaultFileError) in
                try self.log(.reading)
            }
            Effort.check(log, model)
            let tail: UInt64? = log.unfinishedTail?.offset
            switch model.verdict {
            case .whole: require(tail == nil, "a whole file has no tail: \(tail ?? 0)")
            case .unfinished(let offset):
                let expected = Log.UnfinishedTail(offset: offset, count: UInt64(file.count) - offset)
                require(log.unfinishedTail == expected, "the tail is \(expected)")
            default: broken("opened, though \(model.verdict)")
            }
            require(history(log) == model.history, "the history is the model's")
            return log
        } catch {
            if model.work > VaultCheck.maxWork { return nil }
            switch (error, model.verdict) {
            case (.damaged(let offset), .damaged(let expected)) where offset == expected: break
            case (.unsupported(.record(let kind)), .unsupported(let expected)) where kind == expected: break
            case (.incompleteCopy, .incomplete): break
            default: broken("not opened: \(error), though \(model.verdict)")
            }
            return nil
        }
    }

    /// Reads every version of every secret and of all metadata.
    private func history(_ log: Log) -> History {
        var result: History = [:]
        for place in 0..<log.replay.index.count {
            let packed = log.replay.index.withAddress(at: place) { $0.copied }
            guard let address = Address(packed: packed.span) else { broken("no address: \(packed)") }
            let entries = log.versions(address).map { entry(log, $0, address) }
            require(zip(entries, entries.dropFirst()).allSatisfy { $0 > $1 }, "versions are in order")
            result[packed] = Set(entries)
            let isThere = log.current(address) != nil
            require(
                isThere == (entries.first.map { $0.kind != 2 } ?? false),
                "the newest version is the current one")
        }
        require(result.values.reduce(0) { $0 + $1.count } == log.versionCount, "versions are counted")
        return result
    }

    private func entry(_ log: Log, _ version: Version, _ address: Address) -> Entry {
        let kind = version.kind.rawValue
        if version.kind == .tombstone { return Entry(time: version.time, kind: kind, value: []) }
        do throws(VaultFileError) {
            let value = try log.withValue(of: version, at: address) { value in value.copied }
            return Entry(time: version.time, kind: kind, value: value)
        } catch {
            broken("a version cannot be read: \(error)")
        }
    }

    private func checkFindings(_ log: Log) {
        guard let found = try? log.check() else { broken("check does not read") }
        var expected: [Log.Finding] = []
        if let offset = file[512..<4096].firstIndex(where: { $0 != 0 }) {
            expected.append(.gapNotZero(at: UInt64(offset)))
        }
        if let offset = (0..<512).first(where: { file[4096 + $0] != file[$0] }) {
            expected.append(.headerCopyDiffers(at: UInt64(4096 + offset)))
        }
        if let tail = log.unfinishedTail { expected.append(.unfinishedTail(tail)) }
        require(found == expected, "check finds \(expected), not \(found)")
    }

    private func checkWithoutKey() {
        do throws(VaultFileError) {
            let check = try Effort.bounded("checking without a key", file.count) {
                () throws(VaultFileError) in
                try KeylessCheck(path: Known.path, dependencies: dependencies)
            }
            if model.verdict == .whole, isSound {
                require(check.findings.isEmpty, "a whole file is whole without a key: \(check.findings)")
            }
        } catch {
            require(model.verdict == .incomplete, "a check without a key reads: \(error)")
        }
        require(disk[Known.path] == file, "a check without a key changes nothing")
    }

    private func checkRefresh(_ log: Log) {
        do throws(VaultFileError) {
            try log.refresh()
            try log.reopen()
        } catch {
            broken("looking again at the same file: \(error)")
        }
        require(history(log) == model.history, "looking again finds the same")
        require(disk[Known.path] == file, "looking again changes nothing")
    }

    private static let probe = Address(scope: 1, id: [], name: Array("fuzz_probe".utf8))
    private static let probeValue = Array("what was appended".utf8)

    /// Appends a secret, and checks that it and all others can be read.
    private func append() {
        guard let probe = VaultCheck.probe else { broken("no name") }
        do throws(VaultFileError) {
            let log = try log(.writing)
            var transaction = try Transaction()
            try transaction.set(probe, to: VaultCheck.probeValue.span)
            try transaction.delete(probe)
            try transaction.set(probe, to: VaultCheck.probeValue.span)
            let saved = try log.append(transaction)
            require(!isReadOnly, "a file that must not be written was")
            checkAppended(log, probe)
            checkAppended(try self.log(.reading), probe)
            checkSaved(saved)
        } catch .readOnly where isReadOnly {
            require(disk[Known.path] == file, "refusing to write changes nothing")
        } catch .numbersExhausted where isExhausted {
            require(disk[Known.path] == file, "refusing to write changes nothing")
        } catch .timeExhausted {
            require(model.history[probe.packed] != nil, "there is time for a new name")
        } catch {
            broken("appending: \(error)")
        }
    }

    private func checkAppended(_ log: Log, _ probe: Address) {
        var found = history(log)
        let entries = (found[probe.packed] ?? []).subtracting(model.history[probe.packed] ?? [])
        require(entries.count == 3, "three versions were appended, not \(entries.count)")
        require(entries.max()?.value == VaultCheck.probeValue, "what was appended is there")
        found[probe.packed]?.subtract(entries)
        if found[probe.packed]?.isEmpty == true { found[probe.packed] = nil }
        require(found == model.history, "what was there before is there still")
        require(log.unfinishedTail == nil, "no tail is left")
        require(Model(disk[Known.path]).verdict == .whole, "what was written is whole")
    }

    private func checkSaved(_ saved: Log.SavedTail?) {
        guard case .unfinished(let offset) = model.verdict else {
            return require(saved == nil, "there was no tail to save")
        }
        guard let saved else { broken("the tail was not saved") }
        require(disk[saved.path] == Array(file[Int(offset)...]), "the tail was saved as it was")
        try? disk.remove(saved.path)
    }

    /// Compacts the file twice.
    private func compact() {
        let before: History
        do throws(VaultFileError) {
            before = history(try log(.reading))
            _ = try Compaction.run(
                path: Known.path, master: Known.master, keeping: .all, dependencies: dependencies)
            require(!isReadOnly, "a file that must not be written was compacted")
            require(history(try log(.reading)) == before, "a compaction that keeps all keeps all")
            _ = try Compaction.run(
                path: Known.path, master: Known.master, keeping: .none, dependencies: dependencies)
            let newest = before.mapValues { entries in Set(entries.max().map { [$0] } ?? []) }
            require(history(try log(.reading)) == newest, "a compaction keeps what is newest")
        } catch .readOnly where isReadOnly {
            require(disk[Known.path] == file, "refusing to compact changes nothing")
        } catch .numbersExhausted where isExhausted {
            // The second compaction may be refused, and the first may have saved a tail.
            for path in disk.paths where path != Known.path { try? disk.remove(path) }
        } catch {
            broken("compacting: \(error)")
        }
        require(isClean(gapOf: disk[Known.path]), "what a compaction wrote is clean")
        require(Model(disk[Known.path]).verdict == .whole || isReadOnly, "what a compaction wrote is whole")
        require(disk.paths == [Known.path], "a compaction leaves nothing behind: \(disk.paths)")
    }

    private mutating func salvage() {
        disk[Known.path] = file
        let target = "/home/new.vault"
        let all = (history: model.everything(), seq: model.largestSeq)
        do throws(VaultFileError) {
            let report = try Effort.bounded("salvaging", file.count) { () throws(VaultFileError) in
                try Salvage.run(
                    from: Known.path, to: target, master: Known.master, dependencies: dependencies)
            }
            let found = history(
                try Log(path: target, access: .reading, dependencies: dependencies, master: Known.master))
            for (address, entries) in found {
                require(entries.isSubset(of: all.history[address] ?? []), "salvage invents nothing")
            }
            if model.verdict == .whole {
                require(found == model.history, "salvage of a whole file takes all")
                require(report.lost.isEmpty && report.uncertainFrom == nil, "nothing is lost of a whole file")
            }
        } catch .numbersExhausted where isExhausted || all.seq > VaultCheck.lastNumbers {
            require(disk.paths == [Known.path], "refusing to salvage leaves nothing behind")
        } catch .unsupported(.record) {
            require(model.verdict != .whole, "a whole file can be salvaged")
        } catch {
            broken("salvaging: \(error)")
        }
        require(disk[Known.path] == file, "salvage changes nothing")
    }
}
