import Platform

/// A model of a disk with durable and pending changes, which yields the states after a crash.
///
/// A sector of 512 bytes is written completely or not at all, except that it may hold anything behind the
/// durable end of the file. Durable bytes that are not written again stay (SQLite's powersafe overwrite). The
/// length can be any that the file had since, or any whole page between. Each change of names takes place or
/// does not.
struct Platter {
    /// The files after a crash, by path.
    typealias Image = [String: [UInt8]]

    private static let sector = 512

    private var names: [String: UInt64] = [:]
    private var contents: [UInt64: [UInt8]] = [:]
    private var pendingNames: [(entries: [RecordingDisk.Entry], directory: String)] = []
    /// The contents of each file after each change since its last sync.
    private var pending: [UInt64: [[UInt8]]] = [:]

    /// Creates the model of `disk`, on which everything is durable.
    init(_ disk: MemoryDisk) {
        for (path, node) in disk.files {
            names[path] = node.inode
            contents[node.inode] = node.bytes
        }
    }

    mutating func apply(_ event: RecordingDisk.Event) {
        switch event {
        case .names(let entries, let directory):
            pendingNames.append((entries, directory))
            for case .some(let inode) in entries.map(\.inode) where contents[inode] == nil {
                contents[inode] = []
            }
        case .write(let inode, let offset, let bytes):
            change(inode) { content in
                if content.count < offset + bytes.count {
                    content += [UInt8](repeating: 0, count: offset + bytes.count - content.count)
                }
                content.replaceSubrange(offset..<offset + bytes.count, with: bytes)
            }
        case .truncate(let inode, let length):
            change(inode) { content in
                if content.count > length { content.removeLast(content.count - length) }
            }
        case .sync(let inode):
            if let last = pending.removeValue(forKey: inode)?.last { contents[inode] = last }
        case .syncDirectory(let directory):
            for change in pendingNames where change.directory == directory {
                Platter.set(change.entries, in: &names)
            }
            pendingNames.removeAll { $0.directory == directory }
        }
    }

    private mutating func change(_ inode: UInt64, _ body: (inout [UInt8]) -> Void) {
        var content = pending[inode]?.last ?? contents[inode] ?? []
        body(&content)
        pending[inode, default: []].append(content)
    }

    private static func set(_ entries: [RecordingDisk.Entry], in names: inout [String: UInt64]) {
        for entry in entries { names[entry.path] = entry.inode }
    }

    /// Calls `body` with the states that a crash can leave now.
    ///
    /// If there are more than `limit`, these are the likeliest ones and `limit` random ones.
    func forEachState(
        limit: Int, _ random: inout Dice, _ body: (Image) throws -> Void
    ) throws {
        let spaces = pending.keys.sorted().map {
            Space(of: $0, contents[$0] ?? [], pending[$0] ?? [], Platter.sector)
        }
        let dimensions = [Int](repeating: 2, count: pendingNames.count) + spaces.flatMap(\.dimensions)
        var total = 1
        for count in dimensions where total <= limit { total *= count }
        var digits = [Int](repeating: 0, count: dimensions.count)
        guard total > limit else {
            for _ in 0..<total {
                try body(image(digits, spaces))
                for place in digits.indices {
                    digits[place] += 1
                    if digits[place] < dimensions[place] { break }
                    digits[place] = 0
                }
            }
            return
        }
        // Everything new, everything old, each change lost alone, each kept alone, each prefix.
        let new = [Int](repeating: 0, count: digits.count)
        let old = dimensions.map { min(1, $0 - 1) }
        try body(image(new, spaces))
        try body(image(old, spaces))
        for place in digits.indices {
            (digits, digits[place]) = (new, old[place])
            try body(image(digits, spaces))
            (digits, digits[place]) = (old, 0)
            try body(image(digits, spaces))
            try body(image(Array(new[..<place] + old[place...]), spaces))
        }
        for _ in 0..<limit {
            try body(image(dimensions.map { Int.random(in: 0..<$0, using: &random) }, spaces))
        }
    }

    private func image(_ digits: [Int], _ spaces: [Space]) -> Image {
        var names = names
        for (change, digit) in zip(pendingNames, digits) where digit == 0 {
            Platter.set(change.entries, in: &names)
        }
        var changed: [UInt64: [UInt8]] = [:]
        var place = pendingNames.count
        for space in spaces {
            let count = space.dimensions.count
            changed[space.inode] = space.content(digits[place..<place + count])
            place += count
        }
        return names.mapValues { changed[$0] ?? contents[$0] ?? [] }
    }
}

/// The possible contents of one file after a crash.
private struct Space {
    let inode: UInt64
    /// The number of lengths, then the number of contents of each sector; the first one is the newest.
    let dimensions: [Int]
    private let newest: [UInt8]
    private let lengths: [Int]
    private let sectors: [(start: Int, contents: [[UInt8]])]

    init(of inode: UInt64, _ durable: [UInt8], _ changes: [[UInt8]], _ sector: Int) {
        self.inode = inode
        let snapshots = changes.reversed() + [durable]
        let longest = snapshots.map(\.count).max() ?? 0
        var lengths = Space.unique(snapshots.map(\.count))
        for page in stride(from: (durable.count / 4096 + 1) * 4096, to: longest, by: 4096) {
            lengths.append(page)
        }
        self.lengths = Space.unique(lengths)
        let padded = snapshots.map { $0 + [UInt8](repeating: 0, count: longest - $0.count) }
        newest = padded[0]
        var sectors: [(Int, [[UInt8]])] = []
        for start in stride(from: 0, to: longest, by: sector) {
            let range = start..<min(start + sector, longest)
            var contents = padded.map { Array($0[range]) }
            guard contents.contains(where: { $0 != contents[0] }) || range.upperBound > durable.count else {
                continue
            }
            let kept = Array(
                durable[min(range.lowerBound, durable.count)..<min(range.upperBound, durable.count)])
            // Durable bytes in a sector stay if they are not written again.
            if snapshots.allSatisfy({ $0.count >= start + kept.count }),
                padded.allSatisfy({ $0[start..<start + kept.count].elementsEqual(kept) })
            {
                let stale = durable.dropFirst(max(0, start - 3 * sector) + 16)
                for filler in [
                    noise(sector, seed: UInt64(start)), Array(stale), [UInt8](repeating: 0, count: sector),
                ] {
                    let free = filler.prefix(range.count - kept.count)
                    contents.append(
                        kept + free + [UInt8](repeating: 0, count: range.count - kept.count - free.count))
                }
            }
            sectors.append((start, Space.unique(contents)))
        }
        self.sectors = sectors
        dimensions = [self.lengths.count] + sectors.map(\.1.count)
    }

    /// Returns the elements in their order without duplicates.
    private static func unique<T: Hashable>(_ elements: [T]) -> [T] {
        var seen: Set<T> = []
        return elements.filter { seen.insert($0).inserted }
    }

    func content(_ digits: ArraySlice<Int>) -> [UInt8] {
        var content = newest
        for (sector, digit) in zip(sectors, digits.dropFirst()) where digit > 0 {
            let bytes = sector.contents[digit]
            content.replaceSubrange(sector.start..<sector.start + bytes.count, with: bytes)
        }
        let length = lengths[digits[digits.startIndex]]
        if content.count > length { content.removeLast(content.count - length) }
        return content
    }
}
