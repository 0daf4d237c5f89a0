internal import Platform

/// A check of a vault file without its key: the hash of the header and the checksum of each frame.
public struct KeylessCheck: Equatable, Sendable {
    /// The number of intact frames.
    public private(set) var frames: UInt64 = 0
    /// The length of the file, in bytes.
    public let fileSize: UInt64
    /// The defects, in the order of the file.
    public private(set) var findings: [Log.Finding]
    /// The number of bytes whose checksums were computed.
    private(set) var work = 0

    /// Reads the file at `path` from start to end.
    ///
    /// - Throws: as ``Log/readHeader(path:dependencies:)``; ``VaultFileError/changedWhileRead`` if the file was truncated meanwhile,
    ///   and ``VaultFileError/io(_:_:)``.
    public init(
        path: String, dependencies: Dependencies, progress: ProgressHandler = .unwatched
    ) throws(VaultFileError) {
        let (file, header) = try Log.openFile(path, .reading, dependencies)
        fileSize = try during(.read, file.length())
        findings = try Log.checkFront(of: file, header)
        var scanner = FrameScanner(file)
        var bound = SearchBound()
        var offset = Format.logStart
        var (intactEnd, reported) = (offset, offset)
        while offset < fileSize {
            if scanner.isCut(at: offset) { throw .changedWhileRead }
            let start = offset
            offset += Format.alignment
            if let size = try scanner.frameSize(at: start, length: fileSize), bound.allows(size, at: start) {
                if try scanner.frame(at: start, length: fileSize) == nil {
                    bound.waste(size)
                } else {
                    addGap(from: intactEnd, to: start)
                    frames += 1
                    offset = start + UInt64(size)
                    intactEnd = offset
                    if start < header.baseEnd, header.baseEnd < offset { addGap(from: start, to: offset) }
                }
            }
            if offset > reported + 1 << 20 {
                try progress.say(offset, of: fileSize)
                offset = min(scanner.skippingHole(at: offset), fileSize)
                reported = offset
            }
        }
        work = scanner.work
        addGap(from: intactEnd, to: fileSize)
    }

    private mutating func addGap(from start: UInt64, to end: UInt64) {
        if start < end { findings.append(.noFrames(at: start, count: end - start)) }
    }
}
