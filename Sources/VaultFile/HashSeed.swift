internal import Platform

/// A random seed for the hashes of addresses.
///
/// The author of a vault, or of a copy that is merged into it, chooses the names. With a fixed seed they
/// could choose names that collide, so that each search would look at all of them. Swift's `Hasher` is seeded
/// too, but takes about seven times as long: some 10 % of the time in which a large file is opened.
struct HashSeed {
    private let start: UInt64
    private let factor: UInt64

    /// A seed that each process draws at random.
    static let ofThisProcess = HashSeed(
        start: .random(in: .min ... .max), factor: .random(in: .min ... .max))

    init(start: UInt64, factor: UInt64) {
        self.start = start
        self.factor = factor | 1
    }

    /// Returns the hash of an address: its words, each multiplied by a secret factor.
    func hash(_ address: Span<UInt8>) -> UInt64 {
        var hash = start ^ UInt64(address.count)
        let wordsEnd = address.count & ~7
        for offset in stride(from: 0, to: wordsEnd, by: 8) {
            hash = mixed(hash ^ address.load(UInt64.self, at: offset))
        }
        let rest = (wordsEnd..<address.count).reduce(0) { $0 << 8 | UInt64(address[$1]) }
        return mixed(hash ^ rest)
    }

    private func mixed(_ word: UInt64) -> UInt64 {
        let product = (word ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(by: factor)
        return product.high ^ product.low
    }
}
