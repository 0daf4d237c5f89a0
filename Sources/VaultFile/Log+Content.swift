package import Platform
package import Sodium

/// The older versions of a secret that a rewrite keeps; it always keeps the newest, even a tombstone.
public enum Retention: Equatable, Sendable {
    /// All of them.
    case all
    /// None.
    case none
    /// Versions that were replaced or deleted at this time or later, in milliseconds since 1970.
    case replacedSince(UInt64)
}

/// The content of a file.
extension Log {
    /// How many secrets have a history, including deleted ones.
    public var nameCount: Int { histories.count }

    /// How many versions all histories have, including tombstones.
    public var versionCount: Int { histories.versionCount }

    /// The history of every secret, without purged versions.
    package var histories: Histories { replay.histories }

    /// How many versions the file holds, including those that were purged from another copy and are in no history.
    package var heldVersionCount: Int { replay.index.versionCount }

    /// How many versions in the file were purged from another copy.
    package var hiddenCount: Int { replay.hidden.isEmpty ? 0 : heldVersionCount - versionCount }

    /// True if the generation and the frame numbers are far from overflowing.
    package var hasNumbersLeft: Bool { max(header.generation, committedSeq) < 1 << 63 }

    /// The offset at which the last committed transaction ends.
    public var committedEnd: UInt64 { replay.committed.end }

    /// The `seq` of the last committed frame.
    public var committedSeq: UInt64 { replay.committed.seq }

    /// Returns the current version of a secret, or of its metadata, or nil if it does not exist or was deleted.
    public func current(_ address: Address) -> Version? {
        let histories = histories
        guard let place = histories.index.find(address.packed.span),
            let newest = histories.newest(at: place), newest.kind != .tombstone
        else { return nil }
        return newest
    }

    /// Returns the newest version of a secret, which may be a tombstone or not be committed yet; nil if there is none.
    func newestVersion(of address: Address) -> Transaction.Newest? {
        let histories = histories
        guard let place = histories.index.find(address.packed.span),
            let newest = histories.newest(at: place)
        else { return nil }
        return Transaction.Newest(time: newest.time, isDeletion: newest.kind == .tombstone)
    }

    /// Returns all versions of a secret, including tombstones, newest first.
    public func versions(_ address: Address) -> [Version] {
        let histories = histories
        guard let place = histories.index.find(address.packed.span) else { return [] }
        var result: [Version] = []
        histories.forEachVersion(at: place) { result.append($0) }
        return result
    }

    /// Calls `body` with every address, ``Address/packed``, whose newest version is of a kind, in no order.
    public func forEachCurrent<E>(
        _ kind: RecordKind, _ body: (Span<UInt8>) throws(E) -> Void
    ) throws(E) {
        try histories.forEachNewest { newest, address throws(E) in
            if newest.kind == kind { try body(address) }
        }
    }

    /// Calls `body` with the value of a version, and wipes it afterwards.
    ///
    /// - Throws: as ``readingAgain(_:)`` if the frame has changed since it was verified; ``VaultFileError/io(_:_:)``,
    ///   ``VaultFileError/outOfMemory``, and what `body` throws.
    public func withValue<R>(
        of version: Version, at address: Address, _ body: (Span<UInt8>) throws(VaultFileError) -> R
    ) throws(VaultFileError) -> R {
        let isNear = isRefreshedByCaller
        return try readingAgain { () throws(VaultFileError) in
            try replay.withValue(of: version, address: address.packed.span, isNear: isNear, body)
        }
    }

    /// Calls `body`, which reads frames that were verified before.
    ///
    /// - Throws: ``VaultFileError/changedWhileRead`` in place of ``VaultFileError/damaged(at:)`` if the file was truncated or
    ///   overwritten, as by `cp`, and not only damaged by its disk; and what `body` throws.
    package func readingAgain<R>(
        _ body: () throws(VaultFileError) -> R
    ) throws(VaultFileError) -> R {
        do throws(VaultFileError) {
            return try body()
        } catch {
            guard case .damaged(let offset) = error, try isOverwritten(at: offset) else { throw error }
            throw .changedWhileRead
        }
    }

    /// Returns whether another program truncated or overwrote the file, in which a frame at `offset` cannot be opened any more.
    private func isOverwritten(at offset: UInt64) throws(VaultFileError) -> Bool {
        let length = try file.currentLength()
        guard length >= committedEnd, try file.bytes(at: 0, count: Format.headerSize) == header.bytes else {
            return true
        }
        guard offset == committed.lastFrame else { return try !holds(committed, length: length) }
        // The tag of the last commit may be what the disk has lost: only another authentic frame tells.
        var reader = try reader()
        defer { reader.wipe() }
        let tag = try reader.open(at: offset, length: length) { frame, _ in frame.tag }
        return tag != nil && tag != committed.tag
    }

    /// Calls `body` with the plaintext of the frame at `offset`, which was verified before.
    ///
    /// - Throws: as ``readingAgain(_:)``.
    package func readingAgain<R>(
        _ reader: inout FrameReader, at offset: UInt64,
        _ body: (Span<UInt8>) throws(VaultFileError) -> R
    ) throws(VaultFileError) -> R {
        try readingAgain { () throws(VaultFileError) in
            let result = try reader.open(at: offset, length: committedEnd) {
                _, content throws(VaultFileError) in try body(content)
            }
            guard let result else { throw .damaged(at: offset) }
            return result
        }
    }

    /// Returns the frames that a rewrite carries over, in the order of the file.
    ///
    /// - Parameter excluded: the offsets of versions to leave out, whatever `retention` says.
    package func places(keeping retention: Retention, without excluded: Set<UInt64> = []) -> [FramePlace] {
        let places = placesByName(keeping: retention, without: excluded) + replay.extras
        return places.sorted { $0.offset < $1.offset }
    }

    private func placesByName(keeping retention: Retention, without excluded: Set<UInt64>) -> [FramePlace] {
        var places: [FramePlace] = []
        let histories = histories
        for place in 0..<histories.index.count {
            var newer: Version?
            histories.forEachVersion(at: place) { version in
                if excluded.contains(version.offset) { return }
                let isKept =
                    switch (newer, retention) {
                    case (nil, _), (_, .all): true
                    case (_, .none): false
                    case (.some(let newer), .replacedSince(let time)): newer.time >= time
                    }
                newer = version
                if isKept { places.append(Log.place(of: version)) }
            }
        }
        return places
    }

    /// The changes and keys that the file proves to contain.
    package var ancestry: Ancestry { replay.ancestry }

    /// The versions that were purged and that no merge may bring back.
    package var purged: PurgeList { replay.purged }

    /// How many more entries a merge may add to the purge list.
    package var roomForPurges: Int {
        max(min(PurgeList.maxEntries - purged.entries.count, PurgeList.maxTotal - replay.listedCount), 0)
    }

    /// The records of unknown kinds that a rewrite carries over, in the order of the file.
    package var extras: [FramePlace] { replay.extras }

    /// Returns the kind, time and body of each of ``extras``.
    package func extraRecords() throws(VaultFileError) -> [[UInt8]] {
        var records: [[UInt8]] = []
        var reader = try reader()
        defer { reader.wipe() }
        for place in extras {
            records.append(
                try readingAgain(&reader, at: place.offset) { plaintext in
                    let prefix = RecordPrefix(plaintext)
                    let body = Format.prefixSize..<Format.prefixSize + prefix.bodySize
                    return [prefix.kind] + plaintext.array(40..<48) + plaintext.array(body)
                })
        }
        return records
    }

    /// Returns the place of a version's frame.
    package static func place(of version: Version) -> FramePlace {
        FramePlace(offset: version.offset, boxSize: Int(version.boxSize))
    }

    /// The end of the last committed transaction.
    package var committed: Replay.Position { replay.committed }

    /// Returns a reader of the open file, which counts up to ``committedEnd``.
    package func reader() throws(VaultFileError) -> FrameReader {
        try FrameReader(file, key: try Log.frameKey(header, master))
    }

    /// Returns a copy of the master key.
    package func copyOfMasterKey() throws(VaultFileError) -> Key { try master.copy() }

    /// How many bytes the frames of current values and metadata have.
    public var liveBytes: UInt64 {
        var sum: UInt64 = 0
        histories.forEachNewest { newest, _ in
            if newest.kind != .tombstone { sum += UInt64(Format.frameOverhead) + UInt64(newest.boxSize) }
        }
        return sum
    }

    /// The open file.
    package var openFile: any StorageFile { file }
}

extension Key {
    /// Returns a copy of the key.
    package borrowing func copy() throws(VaultFileError) -> Key {
        try withBytes { bytes throws(VaultFileError) in
            try guarding(Key(copying: bytes))
        }
    }
}
