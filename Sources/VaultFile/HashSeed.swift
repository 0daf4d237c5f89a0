internal import Platform

/// What the hashes of addresses depend on besides the addresses.
///
/// Names are chosen by whoever sealed a file, a merged one's author too. With a seed that he does not know, he finds none whose hashes
/// are the same; with a fixed one, he could make each search look at all the others.
struct HashSeed {
    private let start: UInt64
    private let factor: UInt64

    /// Drawn anew in each process.
    static let ofThisProcess = HashSeed(
        start: .random(in: .min ... .max), factor: .random(in: .min ... .max))

    init(start: UInt64, factor: UInt64) {
        self.start = start
        self.factor = factor | 1
    }

    /// Words multiplied in one after the other, by a number that nobody knows.
    func hash(_ address: Span<UInt8>) -> UInt64 {
        var hash = start ^ UInt64(address.count)
        var offset = 0
        while offset + 8 <= address.count {
            hash = mixed(hash ^ address.load(UInt64.self, at: offset))
            offset += 8
        }
        var rest: UInt64 = 0
        while offset < address.count {
            rest = rest << 8 | UInt64(address[offset])
            offset += 1
        }
        return mixed(hash ^ rest)
    }

    private func mixed(_ word: UInt64) -> UInt64 {
        let product = (word ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(by: factor)
        return product.high ^ product.low
    }
}
