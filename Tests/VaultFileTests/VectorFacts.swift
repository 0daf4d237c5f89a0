import Compaction
import Platform
import Sodium
import Testing

@testable import VaultFile

/// The facts about a log, with the names of vault-format.md, section 13.
extension Log {
    /// A record of the file.
    struct Record {
        let prefix: RecordPrefix
        let body: [UInt8]
        let tag: Bytes16
    }

    /// Returns the records between `start` and the last commit.
    func records(from start: UInt64 = Format.logStart) throws -> [Record] {
        var (records, offset) = ([Record](), start)
        var reader = try reader()
        while offset < committedEnd {
            let next = try reader.open(at: offset, length: committedEnd) { frame, plaintext in
                let prefix = RecordPrefix(plaintext)
                let body = plaintext.array(Format.prefixSize..<Format.prefixSize + prefix.bodySize)
                let position = frame.position(seq: prefix.seq)
                records.append(Record(prefix: prefix, body: body, tag: position.tag))
                return position.end
            }
            offset = try #require(next)
        }
        return records
    }

    /// The numbers of secrets and versions, and their digest.
    func countFacts() throws -> [String: Fact] {
        var secrets = 0
        forEachCurrent(.value) { _ in secrets += 1 }
        return [
            "secrets": .number(secrets), "versions": .number(versionCount), "digest": .text(try digest()),
        ]
    }

    /// The facts about descent.
    func descentFacts() throws -> Fact {
        let (ancestry, namer) = (replay.ancestry, try namer())
        let ids = try ancestry.ids(namer)
        return .members([
            "heads": .sorted(try ancestry.heads(namer)), "ids": .number(ids.count),
            "ids_digest": try .digest(of: ids), "keys": .inOrder(ancestry.keys),
            "dropped": .number(ancestry.dropped), "legacy": .bool(ancestry.isLegacy),
        ])
    }

    /// The facts about a rewritten file.
    func rewriteFacts() throws -> [String: Fact] {
        var rest = try records()[...]
        let descent = try rest.removeFirst().descent()
        let purged = try rest.takePurged()
        let said: [String: Fact] = [
            "expect": .text("written"), "generation": .number(header.generation),
            "base_seq": .number(header.baseSeq), "base_end": .number(header.baseEnd),
            "lineage": .text(header.lineage.bytes.hexadecimal),
            "read_only": .number(UInt64(header.bytes.span.load(UInt32.self, at: 20))),
            "compatible": .number(UInt64(header.compatibleFlags)),
            "records": .number(rest.count), "order": try .order(of: rest), "descent": try .descent(descent),
        ]
        return said.merging(try countFacts()) { $1 }.merging(try Fact.purged(purged)) { $1 }
    }
}

extension Log.Record {
    func descent() throws -> Descent {
        let descent = prefix.kind == RecordBody.descentKind ? Descent(body.span) : nil
        return try #require(descent)
    }
}

extension ArraySlice<Log.Record> {
    /// Returns the entries of the next records, as long as these are purge lists.
    mutating func takePurged() throws -> [Bytes16] {
        var all: [Bytes16] = []
        while let first, first.prefix.kind == RecordBody.purgedKind {
            removeFirst()
            let entries = PurgeList.entries(first.body.span)
            all += try #require(entries)
        }
        return all
    }
}

extension Fact {
    private static func hexadecimal(_ id: UInt64) -> String {
        var bytes = [UInt8](repeating: 0, count: 8)
        bytes.store(id, at: 0)
        return bytes.hexadecimal
    }

    static func inOrder(_ ids: [UInt64]) -> Fact { .list(ids.map { .text(hexadecimal($0)) }) }

    static func sorted(_ ids: [UInt64]) -> Fact { .list(ids.map(hexadecimal).sorted().map { .text($0) }) }

    static func digest(of ids: [UInt64]) throws -> Fact {
        var bytes = [UInt8](repeating: 0, count: 8 * ids.count)
        for (number, id) in ids.enumerated() { bytes.store(id, at: 8 * number) }
        return .text(try BLAKE2b.hash(bytes.span).hexadecimal)
    }

    static func descent(_ descent: Descent) throws -> Fact {
        .members([
            "change": .bool(descent.isChange), "heads": .sorted(descent.heads),
            "ids": .number(descent.ids.count), "ids_digest": try .digest(of: descent.ids),
            "keys": .inOrder(descent.keys), "dropped": .number(descent.dropped),
        ])
    }

    static func purged(_ entries: [Bytes16]) throws -> [String: Fact] {
        let bytes = entries.flatMap(\.bytes)
        return [
            "purged": .number(entries.count),
            "purged_digest": .text(try BLAKE2b.hash(bytes.span).hexadecimal),
        ]
    }

    static func order(of records: some Sequence<Log.Record>) throws -> Fact {
        var message: [UInt8] = []
        for record in records {
            var head = [UInt8](repeating: 0, count: 13)
            head[0] = record.prefix.kind
            head.store(record.prefix.time, at: 1)
            head.store(UInt32(record.body.count), at: 9)
            message += head
            message += record.body
        }
        return .text(try BLAKE2b.hash(message.span).hexadecimal)
    }
}
