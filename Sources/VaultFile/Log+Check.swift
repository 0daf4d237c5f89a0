internal import Platform

extension Log {
    /// A defect that does not keep the file from being opened.
    public enum Finding: Equatable, Sendable {
        /// The copy of the header differs from the header at this offset; only a salvage needs the copy.
        case headerCopyDiffers(at: UInt64)
        /// A byte between the header and its copy, at this offset, is not zero.
        case gapNotZero(at: UInt64)
        /// This number of bytes from this offset on are not whole frames, as a check without the key finds.
        case noFrames(at: UInt64, count: UInt64)
        /// Bytes of no committed transaction follow the last commit.
        case unfinishedTail(UnfinishedTail)

        /// The offset of the damage; nil for an unfinished tail, which the next writer sets aside.
        public var damage: UInt64? {
            switch self {
            case .headerCopyDiffers(let offset), .gapNotZero(let offset), .noFrames(let offset, _): offset
            case .unfinishedTail: nil
            }
        }
    }

    /// Returns the defects that opening did not check or tolerated.
    ///
    /// Every frame was verified when the log was opened.
    ///
    /// - Throws: ``VaultFileError/io(_:_:)``.
    public func check() throws(VaultFileError) -> [Finding] {
        var findings = try Log.checkFront(of: file, header)
        if let unfinishedTail { findings.append(.unfinishedTail(unfinishedTail)) }
        return findings
    }

    /// Replays to `length`, which the file had just before.
    func run(to length: UInt64, skippingSearch: Bool = false) throws(VaultFileError) -> UInt64? {
        do throws(VaultFileError) {
            return try replay.run(to: length, skippingSearch: skippingSearch)
        } catch .damaged(let offset) {
            // What is missing because a program without the lock took it away is not damage.
            throw try file.currentLength() < length ? .changedWhileRead : .damaged(at: offset)
        }
    }

    /// Records an unfinished tail that was found under a lock.
    func noteTail(_ offset: UInt64?) throws(VaultFileError) {
        guard let offset else { return unfinishedTail = nil }
        let length = try file.currentLength()
        // A program that ignores the lock can have truncated the file since the replay.
        guard length >= offset else { throw .rolledBack(Rollback(.older, lastSeen: 0)) }
        unfinishedTail = length == offset ? nil : UnfinishedTail(offset: offset, count: length - offset)
    }

    /// Returns the defects between the header and the first frame.
    static func checkFront(of file: any StorageFile, _ header: Header) throws(VaultFileError) -> [Finding] {
        let bytes = try file.bytes(at: 0, count: Int(Format.logStart))
        guard bytes.count == Int(Format.logStart) else { return [.gapNotZero(at: UInt64(bytes.count))] }
        var findings: [Finding] = []
        let copy = Int(Format.headerCopyOffset)
        if let offset = (Format.headerSize..<copy).first(where: { bytes[$0] != 0 }) {
            findings.append(.gapNotZero(at: UInt64(offset)))
        }
        if let offset = (0..<Format.headerSize).first(where: { bytes[copy + $0] != header.bytes[$0] }) {
            findings.append(.headerCopyDiffers(at: UInt64(copy + offset)))
        }
        return findings
    }
}
