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

/// What a rewrite needs to know of a log.
extension Log {
    /// The frames of what a rewrite carries over, in the order of the file.
    package func places(keeping retention: Retention) -> [FramePlace] {
        let places = replay.index.places(keeping: retention)
        if replay.extras.isEmpty { return places }
        return (places + replay.extras).sorted { $0.offset < $1.offset }
    }

    /// The heads of other copies that were merged into this one.
    package var heads: [Mark] { replay.heads }

    /// The records that a rewrite copies without knowing them, heads too, in the order of the file.
    package var extras: [FramePlace] { replay.extras }

    /// Where the frame of a version lies.
    package static func place(of version: Version) -> FramePlace {
        FramePlace(offset: version.offset, boxCount: Int(version.boxCount))
    }

    /// The last commit.
    package var committed: Replay.Position { replay.committed }

    /// A reader of the file that is open, which is `committedEnd` bytes long as far as it counts.
    package func reader() throws(VaultFileError) -> FrameReader {
        try FrameReader(file, key: try Log.frameKey(header, master), ahead: surroundings.readAhead)
    }

    /// A copy of the master key in guarded memory of its own.
    package func copyOfMasterKey() throws(VaultFileError) -> Key { try master.copy() }

    /// The bytes of the frames that hold current values.
    public var liveBytes: UInt64 {
        var sum: UInt64 = 0
        for place in 0..<replay.index.count {
            let newest = replay.index.newest(at: place)
            if newest.kind == .value { sum += UInt64(Format.frameOverhead) + UInt64(newest.boxCount) }
        }
        return sum
    }

    /// The file that is open.
    package var openFile: any StorageFile { file }

    /// Calls `body` with each name's newest version and its address.
    package func forEachNewest<E>(
        _ body: (Version, Span<UInt8>) throws(E) -> Void
    ) throws(E) {
        for place in 0..<replay.index.count {
            let newest = replay.index.newest(at: place)
            try replay.index.withAddress(at: place) { address throws(E) in
                try body(newest, address)
            }
        }
    }

    /// The newest version of a name, deleted or not.
    ///
    /// - Parameter place: where in the order of ``forEachNewest(_:)`` it is looked for first; then the next one's place.
    package func newest(_ address: Span<UInt8>, expectedAt place: inout Int) -> Version? {
        if place >= nameCount || !replay.index.withAddress(at: place, { $0.equals(address) }) {
            guard let found = replay.index.find(address) else { return nil }
            place = found
        }
        defer { place += 1 }
        return replay.index.newest(at: place)
    }
}

extension Key {
    /// A copy in guarded memory of its own.
    package borrowing func copy() throws(VaultFileError) -> Key {
        try withBytes { bytes throws(VaultFileError) in
            try guarding { () throws(SodiumError) in try Key(copying: bytes) }
        }
    }
}
