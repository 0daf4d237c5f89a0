internal import Platform
internal import Sodium
internal import VaultFile

/// Copies records into a new file: vault-format.md, section 9.
struct Rewrite: ~Copyable {
    /// The plaintexts of the new records with which the new file begins.
    private let fronts: [[UInt8]]
    private let places: [FramePlace]
    private let dependencies: Dependencies
    private let progress: ProgressHandler
    /// The key of the sums by which the records of both files are compared.
    private let sumKey: Key

    /// Creates a rewrite of the records at `places`, which are in the order of the file, after records of `descent` and `purged`.
    ///
    /// - Throws: ``VaultFileError/outOfMemory``.
    init(
        _ places: [FramePlace], behind descent: Descent, _ purged: [Bytes16], _ dependencies: Dependencies,
        _ progress: ProgressHandler
    ) throws(VaultFileError) {
        let now = dependencies.now()
        fronts =
            [RecordPrefix.plaintext(of: descent, time: now)]
            + RecordPrefix.plaintexts(ofPurged: purged.suffix(PurgeList.maxTotal), time: now)
        sumKey = try guarding(Key())
        (self.places, self.dependencies, self.progress) = (places, dependencies, progress)
    }

    /// The number of bytes of all frames in the new file.
    var frameBytes: UInt64 {
        fronts.reduce(0) { $0 + UInt64(Format.frameOverhead + SecretBox.tagSize + $1.count) }
            + places.reduce(0) { $0 + UInt64($1.frameSize) }
    }

    /// Returns the header of the new file.
    ///
    /// - Parameters:
    ///   - old: the header of the old file.
    ///   - last: the position of its last frame, or the one before its first frame.
    ///   - slots: the slots that wrap `master`; nil to keep the old ones.
    func header(
        following old: Header, last: Replay.Position, slots: [[UInt8]]? = nil, master: borrowing Key
    ) throws(VaultFileError) -> Header {
        try last.checkRoom(forFrames: fronts.count + places.count)
        let salt = try guarding(dependencies.entropy.bytes(32))
        let bytes = try old.successor(
            base: last, end: Format.logStart + frameBytes, fileSalt: salt, slots: slots, master: master)
        return try Header(bytes, bounds: dependencies.readingBounds)
    }

    /// Writes the new file, and verifies the chain of all frames of the old one meanwhile.
    ///
    /// - Parameters:
    ///   - header: the header of the new file.
    ///   - source: the old file.
    ///   - chain: the position before its first frame, and that of its last.
    /// - Returns: the sum of the records.
    /// - Throws: ``VaultFileError/damaged(at:)`` if the chain is broken or a record is not where it was found;
    ///   ``VaultFileError/io(_:_:)``, ``VaultFileError/outOfMemory``, ``VaultFileError/cancelled``.
    func write(
        _ header: Header, from source: inout FrameReader,
        along chain: (first: Replay.Position, last: Replay.Position),
        master: borrowing Key, to file: any StorageFile
    ) throws(VaultFileError) -> [UInt8] {
        var writer = try writer(header, master)
        source.readAhead(from: chain.first.end, to: chain.last.end)
        defer { source.wipe() }
        var position = chain.first
        while position.end < chain.last.end {
            let before = position
            let next = try source.open(at: before.end, length: chain.last.end) {
                frame, content throws(VaultFileError) -> Replay.Position? in
                let prefix = RecordPrefix(content)
                guard before.isFollowed(by: prefix) else { return nil }
                if writer.nextOffset == before.end { try writer.carry(content) }
                return frame.position(seq: prefix.seq)
            }
            guard case .some(.some(let next)) = next else { throw .damaged(at: before.end) }
            position = next
            try writer.write(to: file)
        }
        guard position == chain.last else { throw .damaged(at: position.lastFrame) }
        return try writer.finish(file)
    }

    /// Writes the new file from the records that were found in a damaged file, whose frames form no chain.
    ///
    /// - Parameter length: the length of the old file in bytes.
    /// - Returns: the sum of the records.
    /// - Throws: ``VaultFileError/changedWhileRead`` if a record is not where it was found; else as
    ///   ``write(_:from:along:master:to:)``.
    func write(
        _ header: Header, from source: inout FrameReader, length: UInt64, master: borrowing Key,
        to file: any StorageFile
    ) throws(VaultFileError) -> [UInt8] {
        var writer = try writer(header, master)
        defer { source.wipe() }
        while let offset = writer.nextOffset {
            let isCarried: Void? = try source.open(at: offset, length: length) {
                _, content throws(VaultFileError) in
                try writer.carry(content)
            }
            if isCarried == nil { throw .changedWhileRead }
            try writer.write(to: file)
        }
        return try writer.finish(file)
    }

    /// Returns a writer of the new file, with the new records added.
    private func writer(
        _ header: Header, _ master: borrowing Key
    ) throws(VaultFileError) -> RecordWriter {
        var writer = try RecordWriter(
            fronts, places, header, master: master, sum: ContentSum(key: sumKey), dependencies, progress)
        try writer.addFronts()
        return writer
    }

    /// Opens the new file, which verifies it, and compares the sum of its records with that of the old file's.
    ///
    /// - Parameter sum: the sum of the records that were copied.
    /// - Returns: the log of the new file.
    /// - Throws: ``VaultFileError/rewriteDiffers(at:)``.
    func verify(_ path: String, holds sum: [UInt8], master: consuming Key) throws(VaultFileError) -> Log {
        var dependencies = dependencies.withoutMemory
        dependencies.readTimeout = 0
        let (log, found): (Log, [UInt8]?)
        do throws(VaultFileError) {
            (log, found) = try Log.open(
                path: path, dependencies: dependencies, master: master, summing: ContentSum(key: sumKey))
        } catch .busy {
            // The file is defective: opening it waits for a lock only to read a defect again, and that lock is our own.
            throw .rewriteDiffers(at: Format.logStart)
        }
        guard log.committedEnd == Format.logStart + frameBytes, log.unfinishedTail == nil, found == sum else {
            throw .rewriteDiffers(at: log.committedEnd)
        }
        try progress.say(log.committedEnd, of: log.committedEnd)
        return log
    }
}
