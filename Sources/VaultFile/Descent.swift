internal import Platform

/// The body of a descent record: vault-format.md, section 5.
///
/// It lists changes that a file contains though their frames are no longer in it.
package struct Descent: Equatable, Sendable {
    /// The newest changes that the file contains at this point; empty if the transaction is itself a change.
    package var heads: [ChangeID] = []
    /// The ids of the master keys before the file's own.
    package var keys: [UInt64] = []
    /// The ids of the other changes that the file contains, oldest first.
    package var ids: [ChangeID] = []
    /// The number of ids that were left out because the record was full.
    package var dropped: UInt64 = 0

    /// True if the transaction is itself a change.
    package var isChange: Bool { heads.isEmpty }

    package static let maxHeads = 32
    package static let maxKeys = 1024
    package static let maxIDs = 128_000

    private static let fixedSize = 24
    private static let changeFlag: UInt8 = 1

    package init(
        heads: [ChangeID] = [], keys: [UInt64] = [], ids: [ChangeID] = [], dropped: UInt64 = 0
    ) {
        (self.heads, self.keys, self.ids, self.dropped) = (heads, keys, ids, dropped)
    }

    /// The length of the body in bytes.
    package var size: Int { Descent.fixedSize + 8 * (heads.count + keys.count + ids.count) }

    /// Decodes a body; nil if it breaks a rule of the format.
    package init?(_ body: Span<UInt8>) {
        guard body.count >= Descent.fixedSize, body[0] & ~Descent.changeFlag == 0, body[1] == 0,
            body.isZero(12..<16)
        else { return nil }
        let headCount = Int(body.load(UInt16.self, at: 2))
        let (keyCount, idCount) = (Int(body.load(UInt32.self, at: 4)), Int(body.load(UInt32.self, at: 8)))
        guard headCount <= Descent.maxHeads, keyCount <= Descent.maxKeys, idCount <= Descent.maxIDs,
            body.count == Descent.fixedSize + 8 * (headCount + keyCount + idCount),
            (headCount == 0) == (body[0] & Descent.changeFlag != 0)
        else { return nil }
        dropped = body.load(UInt64.self, at: 16)
        var offset = Descent.fixedSize
        func words(_ count: Int) -> [UInt64] {
            defer { offset += 8 * count }
            return (0..<count).map { body.load(UInt64.self, at: offset + 8 * $0) }
        }
        (heads, keys, ids) = (words(headCount), words(keyCount), words(idCount))
    }

    /// Encodes the body at `offset`.
    func store(into bytes: inout MutableSpan<UInt8>, at offset: Int) {
        bytes[offset] = isChange ? Descent.changeFlag : 0
        bytes[offset + 1] = 0
        bytes.store(UInt16(heads.count), at: offset + 2)
        bytes.store(UInt32(keys.count), at: offset + 4)
        bytes.store(UInt32(ids.count), at: offset + 8)
        bytes.store(UInt32(0), at: offset + 12)
        bytes.store(dropped, at: offset + 16)
        for (index, word) in (heads + keys + ids).enumerated() {
            bytes.store(word, at: offset + Descent.fixedSize + 8 * index)
        }
    }

    /// Creates the record with which a rewrite proves that it contains the changes of its old file.
    ///
    /// - Parameters:
    ///   - ancestry: the ancestry of the old file.
    ///   - namer: the namer of the old file's master key.
    ///   - addedKeys: the ids of further master keys before the new file's.
    ///   - isChange: whether the rewrite is itself a change.
    /// - Throws: ``VaultFileError/outOfMemory``.
    package init(
        carrying ancestry: Ancestry, _ namer: ChangeNamer, addedKeys: [UInt64] = [], isChange: Bool
    ) throws(VaultFileError) {
        let newest = try ancestry.heads(namer)
        let all = try ancestry.ids(namer)
        heads = isChange ? [] : newest
        ids = isChange ? all : all.filter { !newest.contains($0) }
        keys = ancestry.keys
        for key in addedKeys where !keys.contains(key) { keys.append(key) }
        keys = keys.suffix(Descent.maxKeys)
        dropped = ancestry.dropped
        leaveOutOldest(but: newest)
    }

    /// Drops the oldest ids if there are more than ``maxIDs``, except those in `kept`.
    package mutating func leaveOutOldest(but kept: [ChangeID] = []) {
        var excess = ids.count - Descent.maxIDs
        guard excess > 0 else { return }
        dropped = UInt64(excess) > .max - dropped ? .max : dropped + UInt64(excess)
        ids.removeAll { id in
            guard excess > 0, !kept.contains(id) else { return false }
            excess -= 1
            return true
        }
    }
}
