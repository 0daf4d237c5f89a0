package import Platform
package import Sodium

/// Which older versions of a secret a rewrite keeps; the newest is always kept, a tombstone too.
public enum Retention: Equatable, Sendable {
    /// All of them.
    case all
    /// None.
    case none
    /// Those that were replaced or deleted at this time or later, in milliseconds since 1970.
    case replacedSince(UInt64)
}

/// What a file holds, and what a rewrite of it needs to know.
extension Log {
    /// How many names have a history, deleted ones too.
    public var nameCount: Int { histories.count }

    /// How many versions the histories have, tombstones too.
    public var versionCount: Int { histories.versionCount }

    /// All versions as they are now.
    package var histories: Histories { replay.histories }

    /// How many versions its frames hold, also those that were purged elsewhere, and are in no history.
    package var heldVersionCount: Int { replay.index.versionCount }

    /// How many of these were purged elsewhere.
    package var hiddenCount: Int { replay.hidden.isEmpty ? 0 : heldVersionCount - versionCount }

    /// Whether it is far from the end of its numbers, after which nothing could be written.
    package var hasNumbersLeft: Bool { max(header.generation, committedSeq) < 1 << 63 }

    /// Where the last commit ends.
    public var committedEnd: UInt64 { replay.committed.end }

    /// The `seq` of the last committed frame.
    public var committedSeq: UInt64 { replay.committed.seq }

    /// The current version of a secret; nil if there is none, or it was deleted.
    public func current(_ address: Address) -> Version? {
        let histories = histories
        guard let place = histories.index.find(address.bytes.span),
            let newest = histories.newest(at: place), newest.kind == .value
        else { return nil }
        return newest
    }

    /// All versions of a secret, new to old, tombstones too.
    public func versions(_ address: Address) -> [Version] {
        let histories = histories
        guard let place = histories.index.find(address.bytes.span) else { return [] }
        var result: [Version] = []
        histories.forEachVersion(at: place) { result.append($0) }
        return result
    }

    /// Calls `body` with the packed address of every secret that exists now, in no order: scope, length of
    /// the id, length of the name, each one byte, then id and name.
    public func forEachCurrent<E>(_ body: (Span<UInt8>) throws(E) -> Void) throws(E) {
        try histories.forEachNewest { newest, address throws(E) in
            if newest.kind == .value { try body(address) }
        }
    }

    /// Lends the value of a version, which is wiped afterwards.
    ///
    /// - Throws: ``VaultFileError/damaged(at:)`` if the file no longer holds what was verified;
    ///   ``VaultFileError/io(_:_:)``, ``VaultFileError/outOfMemory``, and what `body` throws.
    public func withValue<R>(
        of version: Version, at address: Address, _ body: (Span<UInt8>) throws(VaultFileError) -> R
    ) throws(VaultFileError) -> R {
        try replay.withValue(of: version, address: address.bytes.span, isNear: looksBeforeReading, body)
    }

    /// The frames of what a rewrite carries over, in the order of the file.
    ///
    /// - Parameter excluded: the offsets of versions that are not, whatever `retention` says.
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

    /// What the file proves to contain.
    package var ancestry: Ancestry { replay.ancestry }

    /// The versions that were purged and must not come back.
    package var purged: PurgeList { replay.purged }

    /// How many more entries a merge may add to them.
    package var roomForPurges: Int {
        max(min(PurgeList.maxEntries - purged.entries.count, PurgeList.maxTotal - replay.listedCount), 0)
    }

    /// The records that a rewrite copies without knowing them, in the order of the file.
    package var extras: [FramePlace] { replay.extras }

    /// What these records say: kind, time and body.
    package func extraRecords() throws(VaultFileError) -> [[UInt8]] {
        var records: [[UInt8]] = []
        var reader = try reader()
        defer { reader.wipe() }
        for place in extras {
            let record = try reader.open(at: place.offset, length: committedEnd) { _, plaintext in
                let prefix = RecordPrefix(plaintext)
                let body = Format.prefixSize..<Format.prefixSize + prefix.bodySize
                return [prefix.kind] + plaintext.array(40..<48) + plaintext.array(body)
            }
            guard let record else { throw .damaged(at: place.offset) }
            records.append(record)
        }
        return records
    }

    /// Where the frame of a version lies.
    package static func place(of version: Version) -> FramePlace {
        FramePlace(offset: version.offset, boxSize: Int(version.boxSize))
    }

    /// The last commit.
    package var committed: Replay.Position { replay.committed }

    /// A reader of the file that is open, which is `committedEnd` bytes long as far as it counts.
    package func reader() throws(VaultFileError) -> FrameReader {
        try FrameReader(file, key: try Log.frameKey(header, master))
    }

    /// A copy of the master key in guarded memory of its own.
    package func copyOfMasterKey() throws(VaultFileError) -> Key { try master.copy() }

    /// The bytes of the frames that hold current values.
    public var liveBytes: UInt64 {
        var sum: UInt64 = 0
        histories.forEachNewest { newest, _ in
            if newest.kind == .value { sum += UInt64(Format.frameOverhead) + UInt64(newest.boxSize) }
        }
        return sum
    }

    /// The file that is open.
    package var openFile: any StorageFile { file }
}

extension Key {
    /// A copy in guarded memory of its own.
    package borrowing func copy() throws(VaultFileError) -> Key {
        try withBytes { bytes throws(VaultFileError) in
            try guarding { () throws(SodiumError) in try Key(copying: bytes) }
        }
    }
}
