internal import Platform

/// What can be verified of a vault file by somebody who has no key: its header's sum and each frame's.
public struct KeylessCheck: Equatable, Sendable {
    /// How many whole frames there are.
    public private(set) var frames: UInt64 = 0
    /// The length of the file.
    public let bytes: UInt64
    /// What is not as it should be, in the order of the file.
    public private(set) var findings: [Log.Finding]
    /// How many bytes were given to checksums.
    private(set) var work = 0

    /// Reads the file at `path` from end to end.
    ///
    /// - Throws: as ``Log/readHeader(path:dependencies:)``, and ``VaultFileError/io(_:_:)``.
    public init(
        path: String, dependencies: Dependencies, progress: ProgressHandler = .unwatched
    ) throws(VaultFileError) {
        let (file, header) = try Log.openFile(path, .reading, dependencies)
        bytes = try during(.read) { () throws(Errno) in try file.length() }
        findings = try Log.checkFront(of: file, header)
        var scanner = FrameScanner(file)
        var bound = SearchBound()
        var offset = Format.logStart
        var (soundEnd, said) = (offset, offset)
        while offset < bytes {
            if let frame = try KeylessCheck.frame(at: offset, bytes, &scanner, &bound) {
                note(from: soundEnd, to: offset)
                frames += 1
                let end = offset + UInt64(Format.frameOverhead + frame.boxSize)
                if offset < header.baseEnd, end > header.baseEnd {
                    findings.append(.noFrames(at: offset, count: end - offset))
                }
                offset = end
                soundEnd = end
            } else {
                offset += Format.alignment
            }
            if offset > said + 1 << 20 {
                try progress.say(offset, of: bytes)
                offset = min(scanner.skippingHole(at: offset), bytes)
                said = offset
            }
        }
        work = scanner.work
        note(from: soundEnd, to: bytes)
    }

    private static func frame(
        at offset: UInt64, _ length: UInt64, _ scanner: inout FrameScanner, _ bound: inout SearchBound
    ) throws(VaultFileError) -> FrameScanner.WholeFrame? {
        guard let count = try scanner.frameSize(at: offset, length: length), bound.allows(count, at: offset)
        else { return nil }
        if let frame = try scanner.frame(at: offset, length: length) { return frame }
        bound.waste(count)
        return nil
    }

    private mutating func note(from start: UInt64, to end: UInt64) {
        if start < end { findings.append(.noFrames(at: start, count: end - start)) }
    }
}
