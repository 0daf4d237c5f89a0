import Foundation
import Platform
import Testing

@testable import VaultFile

/// The result of opening a file.
enum Outcome: Equatable {
    case refused(VaultFileError)
    /// It opened, with this content and these findings of `check`.
    case opened(History, [Log.Finding])
}

/// All frames that were ever sealed under one header: the only bytes that a reader may accept.
struct Genuine {
    /// A frame, identified by its bytes and its offset.
    struct Frame {
        let offset: Int
        let bytes: [UInt8]
        let tag: Bytes16
        /// The index of the frame that it names as the previous one; nil for the header.
        let before: Int?
        let transactionStart: Int
        /// The content of the file up to here; nil if this frame commits nothing.
        let history: History?
        let isCommit: Bool

        var end: Int { offset + bytes.count }

        func isIn(_ file: [UInt8]) -> Bool { file.holds(bytes, at: offset) }
    }

    let header: Header
    private(set) var frames: [Frame] = []

    init(of world: World) throws {
        header = try Log.readHeader(path: world.path, dependencies: world.dependencies)
        try learn(world)
    }

    /// Adds the frames of another file with this header.
    mutating func learn(_ world: World) throws {
        var world = world
        world.dependencies.checkpoints = nil
        let (bytes, master) = (world.bytes, try world.masterKey())
        let log = try world.open(master: master)
        var reader = try log.reader()
        var (offset, before) = (Format.logStart, Int?.none)
        while offset < log.committedEnd {
            let opened = try reader.open(at: offset, length: log.committedEnd) {
                ($0.end, $0.tag, RecordPrefix($1))
            }
            let (end, tag, prefix) = try #require(opened)
            let content = Array(bytes[Int(offset)..<Int(end)])
            let known = frames.firstIndex {
                $0.before == before && $0.offset == Int(offset) && $0.bytes == content
            }
            if known == nil {
                let isVault = prefix.isCommit && end >= header.baseEnd
                frames.append(
                    Frame(
                        offset: Int(offset), bytes: content, tag: tag, before: before,
                        transactionStart: Int(prefix.transactionStart),
                        history: isVault ? try history(world, bytes.prefix(Int(end)), master) : nil,
                        isCommit: prefix.isCommit))
            }
            before = known ?? frames.count - 1
            offset = end
        }
        world.bytes = bytes
    }

    private func history(_ world: World, _ bytes: ArraySlice<UInt8>, _ master: [UInt8]) throws -> History {
        world.bytes = Array(bytes)
        return try world.open(master: master).history()
    }
}

/// Predicts the result of opening any bytes, by the rules of vault-format.md.
///
/// It opens no box and computes no checksum: it compares the bytes with genuine frames.
struct Oracle {
    /// The genuine frames by header.
    private(set) var genuine: [Genuine] = []

    /// Adds the frames of a file.
    mutating func learn(_ world: World) throws {
        let header = try Log.readHeader(path: world.path, dependencies: world.dependencies)
        if let index = genuine.firstIndex(where: { $0.header == header }) {
            try genuine[index].learn(world)
        } else {
            genuine.append(try Genuine(of: world))
        }
    }

    /// Returns the expected result of opening these bytes on a machine whose checkpoint is `point`.
    func outcome(of bytes: [UInt8], point: CommitPoint?) -> Outcome {
        if let verdict = verdict(onHeader: bytes) { return .refused(verdict) }
        guard let known = genuine.first(where: { bytes.holds($0.header.bytes, at: 0) }) else {
            // Only the MAC is not covered by the hash.
            let isSound = genuine.contains { bytes.holds(Array($0.header.bytes[0..<480]), at: 0) }
            return .refused(isSound ? .tamperedHeader : .damagedHeader)
        }
        let (header, length) = (known.header, UInt64(bytes.count))
        if length < header.baseEnd {
            return .refused(.incompleteCopy(count: length, expected: header.baseEnd))
        }
        let (commits, stop) = walk(bytes, known)
        let (last, end) = (commits.last, commits.last?.end ?? Int(Format.logStart))
        if UInt64(end) < header.baseEnd { return .refused(.damaged(at: UInt64(stop))) }
        // A transaction that begins behind the bad frame.
        if end < bytes.count,
            known.frames.contains(where: { $0.offset > stop && $0.transactionStart > stop && $0.isIn(bytes) })
        {
            return .refused(.damaged(at: UInt64(stop)))
        }
        if let verdict = point.flatMap({ verdict(on: header, commits, $0) }) { return .refused(verdict) }
        return .opened(last?.history ?? [:], findings(bytes, header, end))
    }

    private func verdict(onHeader bytes: [UInt8]) -> VaultFileError? {
        if bytes.isEmpty { return .notAVault(.empty) }
        if zip(bytes, Header.magic).contains(where: { $0 != $1 }) { return .notAVault(.content) }
        if bytes.count < 512 { return .incompleteCopy(count: UInt64(bytes.count), expected: 4608) }
        let format = UInt16(bytes[8]) | UInt16(bytes[9]) << 8
        if format != 1 { return .unsupported(.format(format)) }
        let flags = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[16 + $1]) << UInt32(8 * $1) }
        return flags == 0 ? nil : .unsupported(.flags(flags))
    }

    /// Walks over the frames as long as each is genuine, in its place, and behind the one that it names.
    private func walk(_ bytes: [UInt8], _ known: Genuine) -> (commits: [Genuine.Frame], stop: Int) {
        var (commits, before, stop) = ([Genuine.Frame](), Int?.none, Int(Format.logStart))
        while let next = known.frames.indices.first(where: {
            known.frames[$0].before == before && known.frames[$0].isIn(bytes)
        }) {
            before = next
            stop = known.frames[next].end
            if known.frames[next].isCommit { commits.append(known.frames[next]) }
        }
        return (commits, stop)
    }

    /// Applies the rules of section 10.
    private func verdict(on header: Header, _ commits: [Genuine.Frame], _ point: CommitPoint)
        -> VaultFileError?
    {
        if point.vaultID != header.vaultID { return .replaced }
        // No file was rewritten twice, so one that contains the change has its frame or is a rewrite of a
        // file with it.
        let holds =
            header.lineage == point.tag
            || point.generation == header.generation
                && commits.contains { UInt64($0.end) == point.end && $0.tag == point.tag }
        return holds ? nil : .rollback
    }

    private static let gap = [UInt8](repeating: 0, count: 3584)

    private func findings(_ bytes: [UInt8], _ header: Header, _ end: Int) -> [Log.Finding] {
        var findings: [Log.Finding] = []
        if !bytes.holds(Oracle.gap, at: 512), let offset = (512..<4096).first(where: { bytes[$0] != 0 }) {
            findings.append(.gapNotZero(at: UInt64(offset)))
        }
        if !bytes.holds(header.bytes, at: 4096),
            let offset = (0..<512).first(where: { bytes[4096 + $0] != header.bytes[$0] })
        {
            findings.append(.headerCopyDiffers(at: UInt64(4096 + offset)))
        }
        if end < bytes.count {
            findings.append(
                .unfinishedTail(.init(offset: UInt64(end), count: UInt64(bytes.count - end))))
        }
        return findings
    }
}

extension [UInt8] {
    /// Returns whether `part` is at `offset`.
    fileprivate func holds(_ part: [UInt8], at offset: Int) -> Bool {
        guard offset + part.count <= count else { return false }
        return withUnsafeBytes { whole in
            part.withUnsafeBytes { part in
                guard let left = whole.baseAddress, let right = part.baseAddress else { return part.isEmpty }
                return memcmp(left + offset, right, part.count) == 0
            }
        }
    }
}
