internal import Platform

/// The kinds of records that hold a version of a secret or of its metadata: vault-format.md, section 5.
public enum RecordKind: UInt8, Sendable {
    /// A value of the secret.
    case value = 0x01
    /// The deletion of the secret.
    case tombstone = 0x02
    /// Metadata of the secret.
    case metadata = 0xC9

    /// The largest number of bytes after the address.
    var maxContent: Int {
        switch self {
        case .value: Format.maxValue
        case .tombstone: 0
        case .metadata: Format.maxMetadata
        }
    }
}

/// The body of a record, checked by the rules of its kind: vault-format.md, section 5.
package enum RecordBody {
    /// A version of a secret, whose value begins at this offset in the plaintext.
    case version(RecordKind, valueStart: Int)
    /// The changes that the file contains although their frames are not in it.
    case descent(Descent)
    /// The versions that were purged and that no merge may bring back.
    case purged([Bytes16])
    /// A note about a merged copy that earlier programs wrote; ignored.
    case head
    /// A kind that this version does not know and may skip; a rewrite carries it over if `isCarried`.
    case unknown(isCarried: Bool)
    /// A kind that this version does not know and must not skip.
    case unsupported

    package static let descentKind: UInt8 = 0x82
    package static let purgedKind: UInt8 = 0xC3
    package static let headKind: UInt8 = 0xC1
    /// Readers that do not know a kind with this bit may skip it.
    private static let ignorableBit: UInt8 = 0x80
    /// A rewrite carries over a kind with this bit even if it does not know it.
    private static let safeToCopyBit: UInt8 = 0x40

    /// Reads the body of the record in `plaintext`, or returns nil if it breaks a rule of the format.
    ///
    /// - Parameters:
    ///   - prefix: the plaintext's prefix.
    ///   - packed: receives the packed address if the record is a version.
    package init?(_ prefix: RecordPrefix, in plaintext: Span<UInt8>, address packed: inout [UInt8]) {
        guard prefix.keepsRules(in: plaintext) else { return nil }
        if let kind = RecordKind(rawValue: prefix.kind) {
            guard let start = prefix.unpackAddress(in: plaintext, of: kind, into: &packed) else { return nil }
            self = .version(kind, valueStart: start)
            return
        }
        let body = plaintext.extracting(Format.prefixSize..<Format.prefixSize + prefix.bodySize)
        switch prefix.kind {
        case RecordBody.descentKind:
            guard let descent = Descent(body) else { return nil }
            self = .descent(descent)
        case RecordBody.purgedKind:
            guard let entries = PurgeList.entries(body) else { return nil }
            self = .purged(entries)
        case RecordBody.headKind:
            guard prefix.bodySize == CommitPoint.bodySize else { return nil }
            self = .head
        case let kind where kind & RecordBody.ignorableBit == 0:
            self = .unsupported
        case let kind:
            self = .unknown(isCarried: kind & RecordBody.safeToCopyBit != 0)
        }
    }
}

/// The fixed-size front of every plaintext, which places its record in the chain of frames.
package struct RecordPrefix {
    package var kind: UInt8
    package let isCommit: Bool
    package var bodySize: Int
    package var seq: UInt64
    package var previousTag = Bytes16.zero
    package var transactionStart: UInt64
    package var time: UInt64

    private static let commitFlag: UInt8 = 1

    /// Creates the prefix of a record whose preceding tag is not known yet.
    init(kind: UInt8, bodySize: Int, seq: UInt64 = 0, transactionStart: UInt64 = 0, time: UInt64) {
        (self.kind, isCommit, self.bodySize, self.seq) = (kind, false, bodySize, seq)
        (self.transactionStart, self.time) = (transactionStart, time)
    }

    /// Reads the prefix of `plaintext`, without checking the rules of the format.
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

    /// Stores the prefix of a record that does not commit; ``setCommit(in:)`` marks the one that does.
    package func store(into plaintext: inout MutableSpan<UInt8>) {
        plaintext[0] = kind
        plaintext[1] = 0
        plaintext.store(UInt16(0), at: 2)
        plaintext.store(UInt32(bodySize), at: 4)
        plaintext.store(seq, at: 8)
        previousTag.store(into: &plaintext, at: 16)
        plaintext.store(transactionStart, at: 32)
        plaintext.store(time, at: 40)
    }

    /// Marks the record of a plaintext as the last of its transaction.
    static func setCommit(in plaintext: inout MutableSpan<UInt8>) { plaintext[1] |= commitFlag }

    /// Stores the tag of the preceding frame in a plaintext.
    static func setPreviousTag(_ tag: Bytes16, in plaintext: inout MutableSpan<UInt8>) {
        tag.store(into: &plaintext, at: 16)
    }

    /// Returns whether flags, reserved bytes, lengths, time and padding follow the rules of the format.
    func keepsRules(in plaintext: Span<UInt8>) -> Bool {
        plaintext[1] & ~RecordPrefix.commitFlag == 0 && plaintext.isZero(2..<4)
            && bodySize <= Format.maxBody && time <= Format.maxTime
            && plaintext.count == Format.bucket(Format.prefixSize + bodySize)
            && plaintext.isZero(Format.prefixSize + bodySize..<plaintext.count)
    }

    /// Packs the address at the front of the body into `packed`; that of metadata has ``Address/metadataBit``.
    ///
    /// - Returns: the offset of the value in the plaintext, or nil if the body breaks a rule.
    func unpackAddress(
        in plaintext: Span<UInt8>, of kind: RecordKind, into packed: inout [UInt8]
    ) -> Int? {
        let start = Format.prefixSize
        guard bodySize >= Format.addressOverhead, plaintext[start + 3] == 0 else { return nil }
        let (idCount, nameCount) = (Int(plaintext[start + 1]), Int(plaintext[start + 2]))
        let valueStart = start + Format.addressOverhead + idCount + nameCount
        let valueSize = start + bodySize - valueStart
        guard valueSize >= 0, valueSize <= kind.maxContent else { return nil }
        packed.removeAll(keepingCapacity: true)
        packed.append(copying: plaintext.extracting(start..<start + 3))
        packed.append(copying: plaintext.extracting(start + Format.addressOverhead..<valueStart))
        guard Address.isSecret(packed.span) else { return nil }
        if kind == .metadata { packed[0] |= Address.metadataBit }
        return valueStart
    }
}
