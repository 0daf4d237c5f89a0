internal import Platform
internal import Sodium
internal import VaultFile

/// The files beside a vault that the keys it had before still open.
///
/// Anybody may have put anything there, so little is read of each file, and no more than a limit of all of
/// them.
struct OldCopies {
    /// The paths of the files that the old keys open.
    private(set) var opened: [String] = []
    /// The paths of the files that the old keys may open.
    private(set) var possible: [String] = []

    private let header: Header
    private let dependencies: Dependencies
    /// The number of bytes of saved tails that may still be read, verified or opened.
    private var budget = OldCopies.searchBudget

    /// The size of two of the longest tails, which take less than a second.
    private static let searchBudget = 128 << 20

    /// Examines the files in the directory of `path`.
    ///
    /// - Parameters:
    ///   - header: the header that the vault had under the old keys.
    ///   - master: the old master key.
    init(beside path: String, header: Header, master: borrowing Key, _ dependencies: Dependencies) {
        self.header = header
        self.dependencies = dependencies
        let (directory, own) = (Path.directory(of: path), Path.name(of: path))
        let names = (try? dependencies.storage.names(in: directory)) ?? []
        // Compared bytewise, since names that are equal in Unicode can be two files.
        for name in names.sorted() where !name.utf8.elementsEqual(own.utf8) {
            let file = Path.join(directory, name)
            switch verdict(on: file, tailOffset: OldCopies.tailOffset(in: name, of: own), master) {
            case .opens: opened.append(file)
            case .cannotTell: possible.append(file)
            case .closed: break
            }
        }
    }

    private enum Verdict {
        case opens, cannotTell, closed
    }

    private mutating func verdict(on path: String, tailOffset: UInt64?, _ master: borrowing Key) -> Verdict {
        let file: any StorageFile
        guard dependencies.storage.mayBeRegularFile(path) else { return .closed }
        do throws(Errno) {
            file = try dependencies.storage.open(path, .reading)
        } catch .isDirectory, .invalidArgument, .noDevice, .noSuchFile, .tooManyLinks {
            return .closed
        } catch {
            // Any file may be unreadable, but a saved tail was certainly written under keys of the vault.
            return tailOffset == nil ? .closed : .cannotTell
        }
        if let verdict = verdict(onHeadersOf: file, master) { return verdict }
        guard let tailOffset else { return .closed }
        do throws(VaultFileError) {
            return try verdict(onTail: file, from: tailOffset, master)
        } catch {
            return .cannotTell
        }
    }

    /// The verdict of the header and its copy, either of which `salvage` accepts; nil if neither claims to be
    /// this vault's.
    private func verdict(onHeadersOf file: any StorageFile, _ master: borrowing Key) -> Verdict? {
        var front = [UInt8](repeating: 0, count: Int(Format.logStart))
        var span = front.mutableSpan
        guard let count = try? file.read(at: 0, into: &span) else { return nil }
        var verdict: Verdict?
        for start in [0, Int(Format.headerCopyOffset)] where start + Format.headerSize <= count {
            let bytes = Array(front[start..<start + Format.headerSize])
            guard Header.vaultID(in: bytes.span) == header.vaultID else { continue }
            guard let candidate = try? Header(bytes, bounds: dependencies.readingBounds),
                let isAuthentic = try? candidate.isAuthentic(master: master)
            else {
                // Whoever has an undamaged copy of the header can still decrypt the frames.
                verdict = verdict ?? .cannotTell
                continue
            }
            if isAuthentic { return .opens }
            verdict = .closed
        }
        return verdict
    }

    /// The verdict on a saved tail: `opens` if the old keys open one of its frames.
    ///
    /// Otherwise it may be of an earlier generation, or hold a part of a frame, which looks like random
    /// bytes.
    private mutating func verdict(
        onTail file: any StorageFile, from start: UInt64, _ master: borrowing Key
    ) throws(VaultFileError) -> Verdict {
        let count = try during(.read, file.length())
        if count == 0 { return .closed }
        guard count <= Format.maxTransaction else { return .cannotTell }
        let header = header
        var reader = try FrameReader(
            TailFile(file, start: start),
            key: try guarding(header.frameKey(master: master)))
        let end = start + count
        for offset in stride(from: start, to: end, by: Int(Format.alignment)) {
            guard budget > 0, !reader.scanner.isCut(at: offset) else { break }
            budget -= Int(Format.alignment)
            guard try reader.scanner.frameSize(at: offset, length: end) != nil else { continue }
            let before = reader.work
            if try reader.open(at: offset, length: end, { _, _ in true }) == true { return .opens }
            budget -= reader.work - before
        }
        return .cannotTell
    }

    /// The offset that a saved tail had in the vault, from the name of its file:
    /// `NAME.unfinished-OFFSET-RANDOM`.
    private static func tailOffset(in name: String, of own: String) -> UInt64? {
        let prefix = "\(own).unfinished-".utf8
        guard name.utf8.starts(with: prefix) else { return nil }
        let parts = name.utf8.dropFirst(prefix.count).split(
            separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[1].isEmpty, let offset = Int64(Substring(parts[0])),
            offset >= Format.logStart, offset % Int64(Format.alignment) == 0
        else { return nil }
        return UInt64(offset)
    }
}

/// A saved tail, presented so that its frames have the offsets that they had in the vault.
private final class TailFile: StorageFile {
    private let file: any StorageFile
    private let start: UInt64

    init(_ file: any StorageFile, start: UInt64) {
        self.file = file
        self.start = start
    }

    func length() throws(Errno) -> UInt64 { start + (try file.length()) }

    func read(at offset: UInt64, into buffer: inout MutableSpan<UInt8>) throws(Errno) -> Int {
        try file.read(at: offset - start, into: &buffer)
    }

    func nextData(from offset: UInt64) -> UInt64 { offset }
    func identity() throws(Errno) -> FileIdentity { try file.identity() }
    func nameCount() throws(Errno) -> Int { try file.nameCount() }

    func write(_ bytes: Span<UInt8>, at offset: UInt64) throws(Errno) { throw .notPermitted }
    func truncate(to length: UInt64) throws(Errno) { throw .notPermitted }
    func sync() throws(Errno) { throw .notPermitted }
    func adoptAttributes(of other: any StorageFile) throws(Errno) { throw .notPermitted }
    func tryLock(_ kind: LockKind) throws(Errno) -> Bool { throw .notPermitted }
    func unlock() {}
}
