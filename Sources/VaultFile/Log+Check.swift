internal import Platform

extension Log {
    /// Something that `check` reports though the file opens.
    public enum Finding: Equatable, Sendable {
        /// The header's copy at this offset, which only `salvage` would need, is not like the header.
        case headerCopyDiffers(at: UInt64)
        /// A byte between the header and its copy, at this offset, is not zero.
        case gapNotZero(at: UInt64)
        /// So many bytes from this offset on are no whole frames, as a check without the key finds.
        case noFrames(at: UInt64, count: UInt64)
        /// Bytes follow the last commit that no transaction owns.
        case unfinishedTail(UnfinishedTail)

        /// Where damage is; nil for a tail, which every writer sets aside.
        public var damage: UInt64? {
            switch self {
            case .headerCopyDiffers(let offset), .gapNotZero(let offset), .noFrames(let offset, _): offset
            case .unfinishedTail: nil
            }
        }
    }

    /// What opening did not look at, or put up with.
    ///
    /// Every frame was verified when the log was opened.
    ///
    /// - Throws: ``VaultFileError/io(_:_:)``.
    public func check() throws(VaultFileError) -> [Finding] {
        var findings = try Log.checkFront(of: file, header)
        if let unfinishedTail { findings.append(.unfinishedTail(unfinishedTail)) }
        return findings
    }

    /// What is not as it should be between the header and the first frame.
    static func checkFront(of file: any StorageFile, _ header: Header) throws(VaultFileError) -> [Finding] {
        var bytes = [UInt8](repeating: 0, count: Int(Format.logStart))
        var span = bytes.mutableSpan
        _ = try during(.read) { () throws(Errno) in try file.read(at: 0, into: &span) }
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
