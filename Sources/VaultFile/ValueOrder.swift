internal import Platform
internal import Sodium

/// Sorts the versions that their values order.
///
/// An honest file has hardly any, a hostile one as many as there is room for. So values are not read for each comparison: they are read
/// once, in the order of the file, as many as fit into memory, and sorted there. More than that are merged, and read once more each time.
struct ValueOrder: ~Copyable {
    private let index: Index
    private let ties: [Index.Tie]
    /// Where the file ends, as far as it counts.
    private let end: UInt64
    private let maxBytes: Int

    /// How many bytes of values are in memory at a time: what two transactions hold, so that a merge of two copies reads none twice.
    static let usualBytes = 128 << 20

    init(_ ties: [Index.Tie], of index: Index, before end: UInt64, maxBytes: Int = ValueOrder.usualBytes) {
        self.index = index
        self.ties = ties
        self.end = end
        self.maxBytes = maxBytes
    }

    /// Sorts them tie by tie, by value and then by number.
    ///
    /// - Parameter versions: as they lie in the file.
    /// - Throws: ``VaultFileError/io(_:_:)``, ``VaultFileError/outOfMemory``, ``VaultFileError/damaged(at:)``.
    borrowing func sorted(
        _ versions: [Index.TiedVersion], _ reader: inout FrameReader
    ) throws(VaultFileError) -> [Index.TiedVersion] {
        var (runs, rest) = ([[Index.TiedVersion]](), versions[...])
        while !rest.isEmpty { runs.append(try sortedRun(&rest, &reader)) }
        while runs.count > 1 {
            var merged: [[Index.TiedVersion]] = []
            for number in stride(from: 0, to: runs.count, by: 2) {
                if number + 1 < runs.count {
                    merged.append(try merge(runs[number], runs[number + 1], &reader))
                } else {
                    merged.append(runs[number])
                }
            }
            runs = merged
        }
        return runs.first ?? []
    }

    /// Takes as many versions as fit into memory, one at least, and sorts them.
    private borrowing func sortedRun(
        _ rest: inout ArraySlice<Index.TiedVersion>, _ reader: inout FrameReader
    ) throws(VaultFileError) -> [Index.TiedVersion] {
        var (wanted, count) = (0, 0)
        for version in rest {
            let more = Int(index.version(version.number).boxSize)
            if count > 0, wanted + more > maxBytes { break }
            wanted += more
            count += 1
        }
        var values = try room(wanted)
        var places: [(version: Index.TiedVersion, value: Range<Int>)] = []
        places.reserveCapacity(count)
        for version in rest.prefix(count) {
            let start = values.count
            try read(version, before: end, into: &values, &reader)
            places.append((version, start..<values.count))
        }
        rest.removeFirst(count)
        values.withBytes { values in
            func order(_ left: Range<Int>, _ right: Range<Int>) -> Int {
                values.extracting(left).order(against: values.extracting(right))
            }
            places.sort { left, right in
                if left.version.tie != right.version.tie { return left.version.tie < right.version.tie }
                let order = order(left.value, right.value)
                return order == 0 ? left.version.number < right.version.number : order < 0
            }
            for number in places.indices.dropFirst() {
                let (before, this) = (places[number - 1], places[number])
                places[number].version.isSame =
                    before.version.tie == this.version.tie && order(before.value, this.value) == 0
            }
        }
        return places.map(\.version)
    }

    /// Merges two sorted runs, of which `first` lies before `second` in the file.
    private borrowing func merge(
        _ first: [Index.TiedVersion], _ second: [Index.TiedVersion], _ reader: inout FrameReader
    ) throws(VaultFileError) -> [Index.TiedVersion] {
        var (left, right) = (first[...], second[...])
        var leftValue = try room(0)
        var rightValue = try room(0)
        try readFirst(of: left, into: &leftValue, &reader)
        try readFirst(of: right, into: &rightValue, &reader)
        var merged: [Index.TiedVersion] = []
        merged.reserveCapacity(left.count + right.count)
        while let one = left.first, let other = right.first {
            var order = Int(one.tie) - Int(other.tie)
            if order == 0 {
                order = leftValue.withBytes { left in rightValue.withBytes { left.order(against: $0) } }
                // What stands first of those that are the same lies first in the file too.
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
        guard let version = versions.first else { return }
        // The next one lies anywhere.
        try read(version, before: index.version(version.number).end, into: &value, &reader)
    }

    private borrowing func read(
        _ version: Index.TiedVersion, before end: UInt64, into values: inout SecretBuffer,
        _ reader: inout FrameReader
    ) throws(VaultFileError) {
        let place = ties[Int(version.tie)].place
        let version = index.version(version.number)
        // A tombstone has no value.
        if version.kind == .tombstone { return }
        try index.withAddress(at: place) { address throws(VaultFileError) in
            try reader.withValue(of: version, address: address, before: end) { value throws(VaultFileError) in
                try guarding { () throws(SodiumError) in try values.append(value) }
            }
        }
    }

    private borrowing func room(_ count: Int) throws(VaultFileError) -> SecretBuffer {
        try guarding { () throws(SodiumError) in try SecretBuffer(capacity: count) }
    }
}
