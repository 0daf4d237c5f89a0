internal import Platform
internal import Sodium
internal import VaultFile

/// A file on a defective disk: blocks that cannot be read are replaced by zeros, and counted.
///
/// No frame is all zeros, so none is found in such a block. A block is tried only once, since a disk can take seconds to give up.
final class DefectiveFile: StorageFile {
    private let file: any StorageFile
    private var unreadableBlocks: Set<UInt64> = []

    /// The unit in which a disk's blocks are given up, in bytes; the system reads no less at a time either.
    private static let blockSize: UInt64 = 4096

    init(_ file: any StorageFile) { self.file = file }

    /// The number of bytes that could not be read so far.
    func unreadableSize() throws(VaultFileError) -> UInt64 {
        let length = try file.currentLength()
        return unreadableBlocks.reduce(0) { sum, block in
            let start = block * DefectiveFile.blockSize
            return sum + min(DefectiveFile.blockSize, length > start ? length - start : 0)
        }
    }

    func length() throws(Errno) -> UInt64 { try file.length() }

    func read(at offset: UInt64, into buffer: inout MutableSpan<UInt8>) throws(Errno) -> Int {
        if isKnownDefective(offset, buffer.count) { return try readBlocks(at: offset, into: &buffer) }
        do throws(Errno) {
            return try file.read(at: offset, into: &buffer)
        } catch {
            guard error.isDefectOfDisk else { throw error }
            return try readBlocks(at: offset, into: &buffer)
        }
    }

    private func isKnownDefective(_ offset: UInt64, _ count: Int) -> Bool {
        guard !unreadableBlocks.isEmpty, count > 0 else { return false }
        let last = (offset + UInt64(count) - 1) / DefectiveFile.blockSize
        return (offset / DefectiveFile.blockSize...last).contains(where: unreadableBlocks.contains)
    }

    /// Reads block by block, up to the end of the file.
    private func readBlocks(
        at start: UInt64, into buffer: inout MutableSpan<UInt8>
    ) throws(Errno) -> Int {
        let length = try file.length()
        let count = min(buffer.count, Int(clamping: length > start ? length - start : 0))
        var done = 0
        while done < count {
            let offset = start + UInt64(done)
            let blockRest = DefectiveFile.blockSize - offset % DefectiveFile.blockSize
            var part = [UInt8](repeating: 0, count: min(count - done, Int(blockRest)))
            let read = try readBlock(at: offset, into: &part)
            if read == 0 { break }
            buffer.copy(from: part.span.extracting(first: read), at: done)
            done += read
        }
        return done
    }

    /// Reads a part of a block, or makes it all zeros.
    private func readBlock(at offset: UInt64, into part: inout [UInt8]) throws(Errno) -> Int {
        let block = offset / DefectiveFile.blockSize
        if !unreadableBlocks.contains(block) {
            do throws(Errno) {
                var span = part.mutableSpan
                return try file.read(at: offset, into: &span)
            } catch {
                guard error.isDefectOfDisk else { throw error }
                unreadableBlocks.insert(block)
            }
        }
        part = [UInt8](repeating: 0, count: part.count)
        return part.count
    }

    func nextData(from offset: UInt64) -> UInt64 { file.nextData(from: offset) }

    func identity() throws(Errno) -> FileIdentity { try file.identity() }

    func nameCount() throws(Errno) -> Int { try file.nameCount() }

    func tryLock(_ kind: LockKind) throws(Errno) -> Bool { try file.tryLock(kind) }

    func unlock() { file.unlock() }

    // Nothing writes to a damaged file.

    func write(_ bytes: Span<UInt8>, at offset: UInt64) throws(Errno) { throw .badDescriptor }

    func truncate(to length: UInt64) throws(Errno) { throw .badDescriptor }

    func sync() throws(Errno) { throw .badDescriptor }

    func adoptAttributes(of other: any StorageFile) throws(Errno) { throw .badDescriptor }
}
