internal import Platform

/// What a record says: vault-format.md, section 5.
public enum RecordKind: UInt8, Sendable {
    /// A version of a secret.
    case value = 0x01
    /// The secret was deleted.
    case tombstone = 0x02

    /// Which changes the file contains though their frames are not in it.
    package static let descent: UInt8 = 0x82
    /// Which versions were purged and must not come back.
    package static let purged: UInt8 = 0xC3
    /// What programs of before wrote of another copy that they merged; it says nothing any more.
    package static let head: UInt8 = 0xC1
    /// A kind with this bit may be skipped by those who do not know it.
    package static let ignorable: UInt8 = 0x80
    /// A kind with this bit is carried over by a rewrite that does not know it.
    package static let safeToCopy: UInt8 = 0x40
}

/// Where a secret stands: scope, id and name, as the engine compares and keeps them.
public struct Address: Hashable, Sendable {
    /// `[scope, length of id, length of name]`, id, name.
    let bytes: [UInt8]

    /// The code of the scope: 1 team, 2 project, 3 cluster.
    public var scope: UInt8 { bytes[0] }
    /// The id; empty for the team.
    public var id: [UInt8] { Array(bytes[3..<3 + Int(bytes[1])]) }
    /// The name.
    public var name: [UInt8] { Array(bytes[(3 + Int(bytes[1]))...]) }

    /// An address, if the three keep the rules of the format.
    public init?(scope: UInt8, id: [UInt8], name: [UInt8]) {
        guard id.count <= Format.maxName, name.count <= Format.maxName else { return nil }
        var packed: [UInt8] = []
        packed.reserveCapacity(3 + id.count + name.count)
        packed += [scope, UInt8(id.count), UInt8(name.count)]
        packed += id
        packed += name
        bytes = packed
        guard Address.isValid(bytes.span) else { return nil }
    }

    init(_ span: Span<UInt8>) { bytes = span.array(span.indices) }

    /// Scope, length of the id, length of the name, each one byte; then id and name.
    public var packed: [UInt8] { bytes }

    /// An address from its ``packed`` form; nil if that breaks a rule of the format.
    public init?(packed: Span<UInt8>) {
        guard Address.isValid(packed) else { return nil }
        self.init(packed)
    }

    /// An address from its ``packed`` form, which becomes its own; nil if that breaks a rule of the format.
    package init?(takingPacked packed: consuming [UInt8]) {
        guard Address.isValid(packed.span) else { return nil }
        bytes = packed
    }

    /// Whether packed bytes keep the rules for scopes, ids and names.
    package static func isValid(_ packed: Span<UInt8>) -> Bool {
        guard packed.count >= 3 else { return false }
        let (scope, idEnd, count) = (packed[0], 3 + Int(packed[1]), 3 + Int(packed[1]) + Int(packed[2]))
        guard packed.count == count, isName(packed.extracting(idEnd..<count)) else { return false }
        return switch scope {
        case 1: idEnd == 3
        case 2, 3: isID(packed.extracting(3..<idEnd))
        default: false
        }
    }

    /// Whether it is 1 to 128 characters of `[A-Za-z_][A-Za-z0-9_.-]*`.
    package static func isName(_ text: Span<UInt8>) -> Bool { isWord(text) && !isDigit(text[0]) }

    /// Whether it is 1 to 128 characters of `[A-Za-z0-9][A-Za-z0-9_.-]*`.
    package static func isID(_ text: Span<UInt8>) -> Bool { isWord(text) && text[0] != UInt8(ascii: "_") }

    private static func isWord(_ text: Span<UInt8>) -> Bool {
        guard (1...Format.maxName).contains(text.count) else { return false }
        for index in text.indices {
            let byte = text[index]
            if isLetterOrDigit(byte) || byte == UInt8(ascii: "_") { continue }
            guard index > 0, byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") else { return false }
        }
        return true
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        let lower = byte | 0x20
        return isDigit(byte) || (lower >= UInt8(ascii: "a") && lower <= UInt8(ascii: "z"))
    }
}

/// The fixed front of every plaintext, which says where in the history its record stands.
package struct RecordPrefix {
    package var kind: UInt8
    package var isCommit: Bool
    package var bodySize: Int
    package var seq: UInt64
    package var previousTag: Bytes16
    package var transactionStart: UInt64
    package var time: UInt64

    private static let commitFlag: UInt8 = 1

    init(
        kind: UInt8, isCommit: Bool, bodySize: Int, seq: UInt64, previousTag: Bytes16,
        transactionStart: UInt64,
        time: UInt64
    ) {
        self.kind = kind
        self.isCommit = isCommit
        self.bodySize = bodySize
        self.seq = seq
        self.previousTag = previousTag
        self.transactionStart = transactionStart
        self.time = time
    }

    /// Reads what the chain needs; whether the rules are kept is asked of ``keepsRules(in:)``.
    @inline(__always)
    package init(_ plaintext: Span<UInt8>) {
        kind = plaintext[0]
        isCommit = plaintext[1] & RecordPrefix.commitFlag != 0
        bodySize = Int(plaintext.load(UInt32.self, at: 4))
        seq = plaintext.load(UInt64.self, at: 8)
        previousTag = Bytes16(plaintext, at: 16)
        transactionStart = plaintext.load(UInt64.self, at: 32)
        time = plaintext.load(UInt64.self, at: 40)
    }

    package func store(into plaintext: inout MutableSpan<UInt8>) {
        plaintext[0] = kind
        plaintext[1] = isCommit ? RecordPrefix.commitFlag : 0
        plaintext.store(UInt16(0), at: 2)
        plaintext.store(UInt32(bodySize), at: 4)
        plaintext.store(seq, at: 8)
        previousTag.store(into: &plaintext, at: 16)
        plaintext.store(transactionStart, at: 32)
        plaintext.store(time, at: 40)
    }

    /// Marks the record of a plaintext as the last of its transaction.
    static func setCommit(in plaintext: inout MutableSpan<UInt8>) { plaintext[1] |= commitFlag }

    /// Says which frame comes before the one of a plaintext.
    static func setPreviousTag(_ tag: Bytes16, in plaintext: inout MutableSpan<UInt8>) {
        tag.store(into: &plaintext, at: 16)
    }

    /// Whether flags, reserved bytes, lengths, time and padding are as the format demands.
    package func keepsRules(in plaintext: Span<UInt8>) -> Bool {
        plaintext[1] & ~RecordPrefix.commitFlag == 0 && plaintext.isZero(2..<4)
            && bodySize <= Format.maxBody && time <= Format.maxTime
            && plaintext.count == Format.bucket(Format.prefixSize + bodySize)
            && plaintext.isZero(Format.prefixSize + bodySize..<plaintext.count)
    }

    /// Packs the address at the front of a body into `packed`.
    ///
    /// - Returns: the offset of the value in the plaintext, or nil if the body breaks a rule.
    package func unpackAddress(in plaintext: Span<UInt8>, into packed: inout [UInt8]) -> Int? {
        let start = Format.prefixSize
        guard bodySize >= Format.addressOverhead, plaintext[start + 3] == 0 else { return nil }
        let (idCount, nameCount) = (Int(plaintext[start + 1]), Int(plaintext[start + 2]))
        let valueStart = start + Format.addressOverhead + idCount + nameCount
        let valueSize = start + bodySize - valueStart
        guard valueSize >= 0, valueSize <= (kind == RecordKind.value.rawValue ? Format.maxValue : 0) else {
            return nil
        }
        packed.removeAll(keepingCapacity: true)
        packed.append(copying: plaintext.extracting(start..<start + 3))
        packed.append(copying: plaintext.extracting(start + Format.addressOverhead..<valueStart))
        return Address.isValid(packed.span) ? valueStart : nil
    }
}
