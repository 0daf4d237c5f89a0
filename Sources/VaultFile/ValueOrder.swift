internal import Platform
internal import Sodium

/// Sorts the versions of ties by their values, with an external merge sort.
///
/// A vault has hardly any ties, but a forged one can consist of them. Values are therefore not read for each
/// comparison: runs that fit into memory are read once, in the order of the file, and sorted there. If there
/// are several runs, each merge reads them again.
struct ValueOrder: ~Copyable {
    private let index: Index
    private let ties: [Index.Tie]
    /// The offset at which the committed part of the file ends.
    private let end: UInt64
    private let maxRunSize: Int

    /// The maximum size of the values in memory, in bytes.
    ///
    /// Two transactions have that many, so that a merge of two copies reads no value twice.
    static let usualRunSize = 128 << 20

    init(
        _ ties: [Index.Tie], of index: Index, before end: UInt64, maxRunSize: Int = ValueOrder.usualRunSize
    ) {
        (self.index, self.ties, self.end, self.maxRunSize) = (index, ties, end, maxRunSize)
    }

    /// Sorts versions by tie, then by value, then by number.
    ///
    /// - Parameter versions: the versions in the order of the file.
    /// - Throws: ``VaultFileError/io(_:_:)``, ``VaultFileError/outOfMemory``,
    ///   ``VaultFileError/damaged(at:)``.
    borrowing func sorted(
        _ versions: [Index.TiedVersion], _ reader: inout FrameReader
    ) throws(VaultFileError) -> [Index.TiedVersion] {
        var (runs, rest) = ([[Index.TiedVersion]](), versions[...])
        while !rest.isEmpty { runs.append(try sortedRun(&rest, &reader)) }
        while runs.count > 1 {
            runs = try stride(from: 0, to: runs.count, by: 2).map { number throws(VaultFileError) in
                guard number + 1 < runs.count else { return runs[number] }
                return try merge(runs[number], runs[number + 1], &reader)
            }
        }
        return runs.first ?? []
    }

    /// Removes as many versions as fit into memory, but at least one, and sorts them.
    private borrowing func sortedRun(
        _ rest: inout ArraySlice<Index.TiedVersion>, _ reader: inout FrameReader
    ) throws(VaultFileError) -> [Index.TiedVersion] {
        var (size, count) = (0, 0)
        for version in rest {
            let boxSize = Int(index.version(version.number).boxSize)
            if count > 0, size + boxSize > maxRunSize { break }
            size += boxSize
            count += 1
        }
        var values = try workBuffer(size)
        var run: [(version: Index.TiedVersion, value: Range<Int>)] = []
        run.reserveCapacity(count)
        for version in rest.prefix(count) {
            let start = values.count
            try read(version, into: &values, &reader)
            run.append((version, start..<values.count))
        }
        rest.removeFirst(count)
        values.withBytes { values in
            func order(_ left: Range<Int>, _ right: Range<Int>) -> Int {
                values.extracting(left).order(against: values.extracting(right))
            }
            run.sort { left, right in
                if left.version.tie != right.version.tie { return left.version.tie < right.version.tie }
                let order = order(left.value, right.value)
                return order == 0 ? left.version.number < right.version.number : order < 0
            }
            for number in run.indices.dropFirst() {
                let (before, this) = (run[number - 1], run[number])
                run[number].version.isSame =
                    before.version.tie == this.version.tie && order(before.value, this.value) == 0
            }
        }
        return run.map(\.version)
    }

    /// Merges two sorted runs; those of `first` are before those of `second` in the file.
    private borrowing func merge(
        _ first: [Index.TiedVersion], _ second: [Index.TiedVersion], _ reader: inout FrameReader
    ) throws(VaultFileError) -> [Index.TiedVersion] {
        var (left, right) = (first[...], second[...])
        var leftValue = try workBuffer(0)
        var rightValue = try workBuffer(0)
        try readFirst(of: left, into: &leftValue, &reader)
        try readFirst(of: right, into: &rightValue, &reader)
        var merged: [Index.TiedVersion] = []
        merged.reserveCapacity(left.count + right.count)
        while let one = left.first, let other = right.first {
            var order = Int(one.tie) - Int(other.tie)
            if order == 0 {
                order = leftValue.withBytes { left in rightValue.withBytes { left.order(against: $0) } }
                // Of the same versions, those of the left run come first, since they are first in the file.
                if order == 0 { right[right.startIndex].isSame = true }
            }
            if order <= 0 {
                merged.append(left.removeFirst())
                try readFirst(of: left, into: &leftValue, &reader)
            } else {
                merged.append(right.removeFirst())
                try readFirst(of: right, into: &rightValue, &reader)
            }
        }
        return merged + left + right
    }

    private borrowing func readFirst(
        of versions: ArraySlice<Index.TiedVersion>, into value: inout SecretBuffer,
        _ reader: inout FrameReader
    ) throws(VaultFileError) {
        value.truncate(to: 0)
        if let version = versions.first { try read(version, into: &value, &reader) }
    }

    private borrowing func read(
        _ version: Index.TiedVersion, into values: inout SecretBuffer, _ reader: inout FrameReader
    ) throws(VaultFileError) {
        let place = ties[Int(version.tie)].place
        let version = index.version(version.number)
        // A tombstone has no value.
        if version.kind == .tombstone { return }
        try index.withAddress(at: place) { address throws(VaultFileError) in
            try reader.withValue(of: version, address: address, before: end) { value throws(VaultFileError) in
                try guarding(values.append(value))
            }
        }
    }

    private borrowing func workBuffer(_ size: Int) throws(VaultFileError) -> SecretBuffer {
        try guarding(SecretBuffer(capacity: size))
    }
}
