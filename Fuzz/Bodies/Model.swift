import Platform
import Sodium

@testable import VaultFile

/// One version of a secret, or of its metadata.
struct Entry: Hashable, Comparable {
    let time: UInt64
    let kind: UInt8
    let value: [UInt8]

    static func < (left: Entry, right: Entry) -> Bool {
        if left.time != right.time { return left.time < right.time }
        if left.kind != right.kind { return left.kind < right.kind }
        return left.value.lexicographicallyPrecedes(right.value)
    }
}

/// The versions of each packed address; that of metadata has a scope that is 128 higher.
typealias History = [[UInt8]: Set<Entry>]

/// An independent, plain implementation of vault-format.md, sections 4 to 7, to compare the engine with.
struct Model {
    /// The result of reading a file with an accepted header.
    enum Verdict: Equatable {
        case whole
        case unfinished(from: UInt64)
        case incomplete
        case damaged(at: UInt64)
        case unsupported(kind: UInt8)
    }

    /// A record with the fields of its prefix.
    private struct Record {
        let plaintext: [UInt8]
        let tag: [UInt8]
        let end: UInt64

        var kind: UInt8 { plaintext[0] }
        var commits: Bool { plaintext[1] & 1 != 0 }
        var bodySize: Int { Int(plaintext.number(UInt32.self, at: 4)) }
        var seq: UInt64 { plaintext.number(UInt64.self, at: 8) }
        var previousTag: [UInt8] { Array(plaintext[16..<32]) }
        var transactionStart: UInt64 { plaintext.number(UInt64.self, at: 32) }
        var time: UInt64 { plaintext.number(UInt64.self, at: 40) }
    }

    private let file: [UInt8]
    private let key: FrameKey
    private let baseEnd: UInt64
    /// The content up to the last commit.
    private(set) var history: History = [:]
    private(set) var verdict = Verdict.whole
    /// The number of bytes opened in the search after a bad frame, which limits a reader's work.
    private(set) var work = 0
    /// The largest record number anywhere in the file.
    private(set) var largestSeq: UInt64 = 0

    init(_ file: [UInt8]) {
        self.file = file
        key = Known.frameKey(Array(file[0..<512]))
        baseEnd = file.number(UInt64.self, at: 64)
        verdict = length < baseEnd ? .incomplete : replay()
    }

    private var length: UInt64 { UInt64(file.count) }

    private mutating func replay() -> Verdict {
        var seq = file.number(UInt64.self, at: 56)
        var tag = Array(file[480..<496])
        var (offset, committed) = (UInt64(4608), UInt64(4608))
        var reachedBase = baseEnd == 4608
        var staged: [([UInt8], Entry)] = []
        while let record = frame(at: offset), seq < .max, record.seq == seq + 1, record.previousTag == tag,
            record.transactionStart == committed
        {
            guard Model.keepsRules(record) else { return .damaged(at: offset) }
            switch record.kind {
            case 1, 2, 0xC9:
                guard let (address, entry) = Model.content(record) else { return .damaged(at: offset) }
                staged.append((address, entry))
            case 0xC1: if record.bodySize != 56 { return .damaged(at: offset) }
            case 0xC3:
                guard record.bodySize % 16 == 0, (16...1 << 20).contains(record.bodySize) else {
                    return .damaged(at: offset)
                }
            case 0x82:
                guard offset == committed, Model.isDescent(record) else { return .damaged(at: offset) }
            case 0..<128: return .unsupported(kind: record.kind)
            default: break
            }
            if record.end - committed > 64 << 20 { return .damaged(at: offset) }
            (seq, tag, offset) = (record.seq, record.tag, record.end)
            guard record.commits else { continue }
            for (address, entry) in staged { history[address, default: []].insert(entry) }
            staged = []
            committed = offset
            if committed == baseEnd { reachedBase = true }
        }
        if !reachedBase { return .damaged(at: offset) }
        if committed == length { return .whole }
        if length - committed > 64 << 20 { return .damaged(at: offset) }
        for place in stride(from: offset + 16, to: length, by: 16) {
            if let record = frame(at: place), record.transactionStart > offset { return .damaged(at: offset) }
        }
        return .unfinished(from: committed)
    }

    /// Returns the frame at an offset, if rules 1 to 3 of section 6 hold.
    private mutating func frame(at offset: UInt64) -> Record? {
        guard offset + 32 <= length else { return nil }
        let start = Int(offset)
        guard file.number(UInt64.self, at: start + 24) == offset else { return nil }
        let count = Int(file.number(UInt32.self, at: start))
        guard (144...1_081_360).contains(count),
            count % 16 == 0, start + 32 + count <= file.count
        else { return nil }
        work += count
        var sum = CRC32C()
        sum.update(file.span.extracting(start..<start + 4))
        sum.update(file.span.extracting(start + 8..<start + 32 + count))
        guard sum.value == file.number(UInt32.self, at: start + 4) else { return nil }
        work += count
        var plaintext = [UInt8](repeating: 0, count: count - 16)
        var span = plaintext.mutableSpan
        let box = file.span.extracting(start + 32..<start + 32 + count)
        let nonce = file.span.extracting(start + 8..<start + 32)
        guard SecretBox.open(box, nonce: nonce, key: key.key, into: &span) else { return nil }
        return Record(
            plaintext: plaintext, tag: Array(file[start + 32..<start + 48]), end: offset + UInt64(32 + count))
    }

    private static func bucket(_ count: Int) -> Int {
        if count <= 128 { return 128 }
        func floorLog(_ number: Int) -> Int { (0..<63).last { number >> $0 > 0 } ?? 0 }
        let exponent = floorLog(count)
        let unit = count <= 1024 ? 64 : 1 << (exponent - (floorLog(exponent) + 1))
        return (count + unit - 1) / unit * unit
    }

    private static func keepsRules(_ record: Record) -> Bool {
        let plaintext = record.plaintext
        guard plaintext[1] & 0xFE == 0, plaintext[2] == 0, plaintext[3] == 0, record.bodySize <= 1_048_836,
            record.time <= 253_402_300_799_999, plaintext.count == bucket(48 + record.bodySize)
        else { return false }
        return plaintext[(48 + record.bodySize)...].allSatisfy { $0 == 0 }
    }

    /// Returns the packed address and the version of a value, a tombstone or metadata; nil if it breaks a rule of section 5.
    private static func content(_ record: Record) -> ([UInt8], Entry)? {
        guard record.bodySize >= 4 else { return nil }
        let body = Array(record.plaintext[48..<48 + record.bodySize])
        let (scope, idCount, nameCount) = (body[0], Int(body[1]), Int(body[2]))
        guard body[3] == 0, body.count >= 4 + idCount + nameCount, (1...128).contains(nameCount),
            scope == 1 ? idCount == 0 : (scope == 2 || scope == 3) && (1...128).contains(idCount)
        else { return nil }
        let (id, name) = (body[4..<4 + idCount], body[4 + idCount..<4 + idCount + nameCount])
        let value = Array(body[(4 + idCount + nameCount)...])
        let most = record.kind == 1 ? 1 << 20 : record.kind == 2 ? 0 : 1 << 16
        guard value.count <= most, (id + name).allSatisfy(isTail),
            id.first.map({ isLetter($0) || isDigit($0) }) ?? true,
            name.first.map({ isLetter($0) || $0 == UInt8(ascii: "_") }) ?? false
        else { return nil }
        let head = [record.kind == 0xC9 ? scope + 128 : scope] + body[1..<3]
        return (head + id + name, Entry(time: record.time, kind: record.kind, value: value))
    }

    /// Returns whether the body of a DESCENT keeps the rules of section 5.
    private static func isDescent(_ record: Record) -> Bool {
        let body = Array(record.plaintext[48..<48 + record.bodySize])
        guard body.count >= 24, body[0] <= 1, body[1] == 0, body[12..<16].allSatisfy({ $0 == 0 }) else {
            return false
        }
        let heads = Int(body.number(UInt16.self, at: 2))
        let (keys, ids) = (Int(body.number(UInt32.self, at: 4)), Int(body.number(UInt32.self, at: 8)))
        return heads <= 32 && keys <= 1024 && ids <= 128_000 && (heads == 0) == (body[0] == 1)
            && body.count == 24 + 8 * (heads + keys + ids)
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        ("a"..."z").contains(Unicode.Scalar(byte)) || ("A"..."Z").contains(Unicode.Scalar(byte))
    }

    private static func isDigit(_ byte: UInt8) -> Bool { ("0"..."9").contains(Unicode.Scalar(byte)) }

    private static func isTail(_ byte: UInt8) -> Bool {
        isLetter(byte) || isDigit(byte) || "_.-".utf8.contains(byte)
    }

    /// Every authentic record anywhere in the file; no reader may find any other.
    mutating func everything() -> History {
        var result: History = [:]
        for offset in stride(from: UInt64(4608), to: length, by: 16) {
            guard let record = frame(at: offset), Model.keepsRules(record) else { continue }
            largestSeq = max(largestSeq, record.seq)
            guard [1, 2, 0xC9].contains(record.kind), let (address, entry) = Model.content(record) else {
                continue
            }
            result[address, default: []].insert(entry)
        }
        return result
    }
}
