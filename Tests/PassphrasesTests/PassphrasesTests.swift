import Sodium
import Testing

@testable import Passphrases

@Suite struct PassphrasesTests {
    private func bits(_ text: String) throws -> Int {
        try Strength.bits(of: try SecretBytes(copying: Array(text.utf8).span))
    }

    @Test func `what people choose is weak, and what they should choose is not`() throws {
        for weak in [
            "x", "password", "P@ssw0rd!", "letmein2024", "qwertyuiop", "correct horse",
            "aaaaaaaaaaaaaaaaaaaa",
        ] {
            #expect(try bits(weak) < Strength.leastBits, "\(weak)")
        }
        for strong in ["correct horse battery staple", "seven quiet otters read maps", "hB7#kq9!vTz2mX"] {
            #expect(try bits(strong) >= Strength.leastBits, "\(strong)")
        }
    }

    @Test func `any bytes have an estimate, however many there are`() throws {
        var generator = SystemRandomNumberGenerator()
        for count in [1, 2, 3, 10, 99, 100, 101, 1024] {
            for _ in 0..<10 {
                let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
                #expect(try Strength.bits(of: try SecretBytes(copying: bytes.span)) >= 0)
            }
        }
        #expect(try bits(String(repeating: "€ß", count: 200)) < 500)
    }

    @Test func `a key file that begins with a zero byte is no weaker for that`() throws {
        let key = [0, 0] + (1...30).map { UInt8(truncatingIfNeeded: 37 * $0 * $0) }
        #expect(try Strength.bits(of: try SecretBytes(copying: key.span)) >= Strength.leastBits)
    }

    @Test func `the list has 2,048 different words, each of lower-case letters`() {
        let words = WordPassphrase.list.split(separator: UInt8(ascii: "\n"))
        #expect(words.count == WordPassphrase.listCount)
        #expect(Set(words).count == words.count)
        #expect(
            words.allSatisfy { (3...8).contains($0.count) && $0.allSatisfy { (0x61...0x7A).contains($0) } })
        #expect(WordPassphrase.list.last == UInt8(ascii: "\n"))
    }

    @Test func `a generated passphrase has ten words of the list, each drawn anew, and is strong`() throws {
        let list = Set(WordPassphrase.list.split(separator: UInt8(ascii: "\n")).map(Array.init))
        var drawn = Set<[UInt8]>()
        for _ in 0..<100 {
            let passphrase = try WordPassphrase.random()
            #expect(try Strength.bits(of: passphrase) >= Strength.leastBits)
            let words = passphrase.withBytes { bytes in
                bytes.indices.map { bytes[$0] }.split(
                    separator: UInt8(ascii: "-"), omittingEmptySubsequences: false
                ).map(Array.init)
            }
            #expect(words.count == 10)
            #expect(words.allSatisfy(list.contains))
            drawn.formUnion(words)
        }
        // Of 1,000 draws from 2,048 words, 791 are expected to be different.
        #expect((600...950).contains(drawn.count))
    }
}
