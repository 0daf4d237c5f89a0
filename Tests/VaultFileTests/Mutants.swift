@testable import VaultFile

/// A changed file; its bytes and its name are computed on demand.
struct Mutant {
    let name: () -> String
    let bytes: () -> [UInt8]
}

/// The changes that are made to one file.
struct Mutants {
    private let whole: [UInt8]
    private let frames: [Range<Int>]
    private let transactions: [Range<Int>]
    private let donors: [(name: String, bytes: [UInt8])]

    init(of sample: CorruptionSample) {
        whole = sample.whole
        donors = sample.donors
        frames = Mutants.frames(of: whole)
        let commits = sample.oracle.genuine[0].frames.filter { $0.isCommit && $0.isIn(sample.whole) }
        let ends = commits.map(\.end)
        transactions = zip([4608] + ends, ends).map { $0..<$1 }
    }

    /// Offset and length of each frame, until a length is invalid.
    static func frames(of bytes: [UInt8]) -> [Range<Int>] {
        var (frames, offset) = ([Range<Int>](), 4608)
        while offset + 32 <= bytes.count {
            let count = 32 + Int(bytes.span.load(UInt32.self, at: offset))
            guard offset + count <= bytes.count else { break }
            frames.append(offset..<offset + count)
            offset += count
        }
        return frames
    }

    /// Flips each bit, sets each byte to 00 and FF, and zeroes each block of 16 bytes and each sector.
    var spots: [Mutant] {
        let whole = whole
        let bits = (0..<whole.count * 8).map { place in
            changed("bit \(place % 8) of byte \(place / 8)") { $0[place / 8] ^= 1 << UInt8(place % 8) }
        }
        let bytes = [UInt8(0), 255].flatMap { fill in
            whole.indices.filter { whole[$0] != fill }.map { offset in
                changed("byte \(offset) made \(fill)") { $0[offset] = fill }
            }
        }
        let blocks = [16, 512].flatMap { count in
            stride(from: 0, to: whole.count, by: count).map { start in
                let range = start..<min(start + count, whole.count)
                return changed("bytes \(range) zeroed") {
                    $0.replaceSubrange(range, with: [UInt8](repeating: 0, count: range.count))
                }
            }
        }
        return bits + bytes + blocks
    }

    /// Flips each bit of each frame, and corrects the checksum.
    var spotsUnderRightSums: [Mutant] {
        frames.flatMap { frame in
            (0..<frame.count * 8).filter { !(4..<8).contains($0 / 8) }.map { place in
                changed("bit \(place) of the frame at \(frame.lowerBound), sum right") { bytes in
                    bytes[frame.lowerBound + place / 8] ^= 1 << UInt8(place % 8)
                    bytes.replaceSubrange(frame, with: Forge.withSum(Array(bytes[frame])))
                }
            }
        }
    }

    /// Truncates the file to each length.
    var lengths: [Mutant] {
        let whole = whole
        return whole.indices.map { count in
            Mutant(name: { "cut to \(count)" }, bytes: { Array(whole[0..<count]) })
        }
    }

    /// Swaps, repeats, removes and overwrites frames and whole transactions.
    ///
    /// Each change is also made with nonces and checksums corrected for the new places.
    var rearrangements: [Mutant] {
        let raw = Mutants.rearranged(frames, "frame") + Mutants.rearranged(transactions, "transaction")
        let whole = whole
        return raw.flatMap { name, pieces in
            let bytes = { pieces.reduce(into: Array(whole[0..<4608])) { $0 += whole[$1] } }
            return Mutants.asItIsAndFitted(name, bytes)
        }
    }

    private static func rearranged(_ units: [Range<Int>], _ word: String) -> [(String, [Range<Int>])] {
        var result: [(String, [Range<Int>])] = []
        for one in units.indices {
            for place in 0...units.count {
                var pieces = units
                pieces.insert(units[one], at: place)
                result.append(("\(word) \(one) doubled before \(place)", pieces))
            }
            for other in units.indices where other != one {
                var pieces = units
                pieces[other] = units[one]
                result.append(("\(word) \(one) over \(other)", pieces))
                pieces[one] = units[other]
                if one < other { result.append(("\(word)s \(one) and \(other) swapped", pieces)) }
            }
            for end in one + 1...units.count {
                var pieces = units
                pieces.removeSubrange(one..<end)
                result.append(("without \(word)s \(one)..<\(end)", pieces))
            }
        }
        return result
    }

    /// Puts bytes of other files into this one.
    ///
    /// Each frame goes to each place, each start of one file is joined to each end of the other, and headers
    /// are exchanged.
    var splices: [Mutant] { ([("own", whole)] + donors).flatMap(splices) }

    private func splices(_ donor: String, _ bytes: [UInt8]) -> [Mutant] {
        let whole = whole
        let (own, theirs) = (
            frames.map(\.lowerBound) + [whole.count],
            Mutants.frames(of: bytes).map(\.lowerBound) + [bytes.count]
        )
        var result: [Mutant] = []
        for frame in Mutants.frames(of: bytes) {
            for place in own {
                let rest = min(place + frame.count, whole.count)
                result += Mutants.asItIsAndFitted("\(donor)'s frame at \(frame.lowerBound) put at \(place)") {
                    Array(whole[0..<place] + bytes[frame] + whole[rest...])
                }
            }
        }
        for start in own {
            for end in theirs {
                result += Mutants.asItIsAndFitted("own up to \(start), \(donor)'s from \(end)") {
                    Array(whole[0..<start] + bytes[end...])
                }
            }
        }
        for (part, range) in [("header", 0..<512), ("header's copy", 4096..<4608), ("front", 0..<4608)] {
            result.append(changed("\(donor)'s \(part)") { $0.replaceSubrange(range, with: bytes[range]) })
        }
        return result
    }

    private func changed(
        _ name: @autoclosure @escaping () -> String, _ change: @escaping (inout [UInt8]) -> Void
    ) -> Mutant {
        let whole = whole
        return Mutant(name: name) {
            var bytes = whole
            change(&bytes)
            return bytes
        }
    }

    private static func asItIsAndFitted(_ name: String, _ bytes: @escaping () -> [UInt8]) -> [Mutant] {
        [
            Mutant(name: { name }, bytes: bytes),
            Mutant(name: { name + ", made to fit" }, bytes: { fitted(bytes()) }),
        ]
    }

    /// Corrects the offsets in nonces and the checksums: all that can be corrected without the key.
    private static func fitted(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for frame in frames(of: bytes) {
            var content = Array(bytes[frame])
            content.store(UInt64(frame.lowerBound), at: 24)
            bytes.replaceSubrange(frame, with: Forge.withSum(content))
        }
        return bytes
    }
}
