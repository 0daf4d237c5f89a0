import Testing

@testable import Sodium

/// Formats bytes as lower-case hexadecimal digits.
private func hex(_ span: Span<UInt8>) -> String {
    span.indices.map { (span[$0] < 16 ? "0" : "") + String(span[$0], radix: 16) }.joined()
}

private func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.span.isEqualInConstantTime(to: right.span)
}

private let counting = (0..<32).map { UInt8($0) }

/// The expected values were computed with Python's hashlib, PyNaCl and argon2-cffi.
@Suite struct `The primitives` {
    @Test func `Argon2id gives the known bytes`() throws {
        let derived = try Argon2id.derive(
            passphrase: Array("password".utf8).span, salt: Array("somesaltsomesalt".utf8).span,
            parameters: Argon2id.Parameters(passes: 2, memoryKiB: 64))
        #expect(
            derived.withBytes(hex)
                == "3129e97c4e48114f59c1562e65960222c2ab5a5dd0bf043c6420d712a5f6048f"
                + "2a5a84c85790e50c54bcf1ffe47f962a5eae434b498dd9ac03483ee0f1e3c070")
    }

    @Test func `BLAKE2b gives the known bytes, with and without a key`() throws {
        let hash = try BLAKE2b.hash(Array("abc".utf8).span)
        #expect(
            hex(hash.span)
                == "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319")
        let key = try Key(copying: counting.span)
        let message = Array("labelctx".utf8)
        let mac = "ba5b6708f04fbe71e3933f36c7699254ecc38d49bc9e69cfc066d46a7bd32c5c"
        let computed = try BLAKE2b.authenticate(message.span, key: key)
        #expect(hex(computed.span) == mac)
        let derived = try BLAKE2b.deriveKey(from: key, label: "label", context: Array("ctx".utf8).span)
        let derivedText = derived.withBytes(hex)
        #expect(derivedText == mac)
        let long = try BLAKE2b.deriveBytes(
            from: Array(counting[..<20]).span, label: "label", context: Array("ctx".utf8).span)
        let longText = long.withBytes(hex)
        #expect(
            longText
                == "8361a580ffa815b261b684355f2bfa229474250afece75619128942f2444bf3d"
                + "ba9169a0aba5cf4e826336382f5617a348283d4c8482f38645948dec073d41e0")
    }

    @Test func `secretbox gives the known bytes, opens them, and opens nothing else`() throws {
        let key = try Key(copying: counting.span)
        let nonce = Array(counting[..<24])
        let message = Array("hello vault".utf8)
        var box = [UInt8](repeating: 0, count: message.count + SecretBox.tagSize)
        var boxSpan = box.mutableSpan
        SecretBox.seal(message.span, nonce: nonce.span, key: key, into: &boxSpan)
        #expect(hex(box.span) == "0c20cb5630cc677660f51f51d264eff6369a5423a8ead471ce50fb")
        var opened = [UInt8](repeating: 0, count: message.count)
        var openedSpan = opened.mutableSpan
        let isOpened = SecretBox.open(box.span, nonce: nonce.span, key: key, into: &openedSpan)
        #expect(isOpened)
        #expect(opened == message)
        for bit in 0..<box.count * 8 {
            var flipped = box
            flipped[bit / 8] ^= 1 << (bit % 8)
            var output = [UInt8](repeating: 0, count: message.count)
            var outputSpan = output.mutableSpan
            let isOpened = SecretBox.open(flipped.span, nonce: nonce.span, key: key, into: &outputSpan)
            #expect(!isOpened)
            #expect(output.allSatisfy { $0 == 0 })
        }
        var nothing = [UInt8](repeating: 0, count: 0)
        var nothingSpan = nothing.mutableSpan
        let openedShort = SecretBox.open(
            box.span.extracting(0..<15), nonce: nonce.span, key: key, into: &nothingSpan)
        #expect(!openedShort)
    }
}

@Suite struct `Boxes of a BoxKey` {
    private static func bytes(_ count: Int, _ seed: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: ($0 &* 167) ^ seed ^ ($0 >> 8)) }
    }

    private static func box(_ message: [UInt8], nonce: [UInt8], key: borrowing Key) -> [UInt8] {
        var box = [UInt8](repeating: 0, count: message.count + SecretBox.tagSize)
        var span = box.mutableSpan
        SecretBox.seal(message.span, nonce: nonce.span, key: key, into: &span)
        return box
    }

    @Test func `are those of secretbox, byte for byte, for every length`() throws {
        let key = try Key(copying: Self.bytes(32, 5).span)
        var boxKey = try BoxKey(copying: key)
        for (number, count) in (Array(0...530) + Array(2040...2060) + [4096, 65_537, 1_081_344]).enumerated()
        {
            // Some nonces share their first half with the one before, some do not.
            let nonce = Self.bytes(16, number / 3) + Self.bytes(8, number)
            let message = Self.bytes(count, number)
            let box = Self.box(message, nonce: nonce, key: key)

            var sealed = [UInt8](repeating: 7, count: 3 + box.count + 2)
            var span = sealed.mutableSpan
            boxKey.seal(message.span, nonce: nonce.span, into: &span, at: 3)
            #expect(sealed == [7, 7, 7] + box + [7, 7])

            var opened = [UInt8](repeating: 7, count: count + 2)
            var openedSpan = opened.mutableSpan
            let isOpened = boxKey.open(box.span, nonce: nonce.span, into: &openedSpan)
            #expect(isOpened && opened == message + [7, 7])
        }
    }

    @Test func `do not open if one bit has changed, and change nothing then`() throws {
        let key = try Key(copying: Self.bytes(32, 5).span)
        var boxKey = try BoxKey(copying: key)
        let nonce = Self.bytes(24, 1)
        let box = Self.box(Self.bytes(40, 2), nonce: nonce, key: key)
        func opens(_ box: [UInt8], _ nonce: [UInt8]) -> Bool {
            var message = [UInt8](repeating: 7, count: 40)
            var span = message.mutableSpan
            let isOpened = boxKey.open(box.span, nonce: nonce.span, into: &span)
            #expect(isOpened || message == [UInt8](repeating: 7, count: 40))
            return isOpened
        }
        func flipped(_ bytes: [UInt8], _ bit: Int) -> [UInt8] {
            var bytes = bytes
            bytes[bit / 8] ^= 1 << (bit % 8)
            return bytes
        }
        for bit in 0..<box.count * 8 { #expect(!opens(flipped(box, bit), nonce)) }
        for bit in 0..<nonce.count * 8 { #expect(!opens(box, flipped(nonce, bit))) }
        for count in 0...16 { #expect(!opens(Array(box[..<count]), nonce)) }
        #expect(opens(box, nonce))
    }
}

@Suite struct `A keyed sum` {
    @Test func `depends on every byte and not on the pieces`() throws {
        let key = try Key()
        let message = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        func sum(_ bytes: [UInt8], _ pieceSize: Int) -> [UInt8] {
            var sum = KeyedSum(key: key)
            var start = 0
            while start < bytes.count {
                let end = min(start + pieceSize, bytes.count)
                sum.update(bytes.span.extracting(start..<end))
                start = end
            }
            return sum.finish()
        }
        let whole = sum(message, 1000)
        for pieceSize in [1, 7, 16, 33, 999] { #expect(sum(message, pieceSize) == whole) }
        for index in message.indices {
            var other = message
            other[index] ^= 0x10
            #expect(sum(other, 1000) != whole)
        }
        #expect(sum(Array(message.dropLast()), 1000) != whole)
    }
}

@Suite struct `Guarded memory` {
    @Test func `starts as zeros and keeps what is written`() throws {
        var bytes = try SecretBytes(count: 40)
        #expect(bytes.withBytes { span in span.indices.allSatisfy { span[$0] == 0 } })
        bytes.withMutableBytes { $0[39] = 7 }
        bytes.withMutableBytes(from: 38) { $0[0] = 6 }
        #expect(bytes.withBytes { [$0[38], $0[39]] } == [6, 7])
    }

    @Test func `may have no bytes`() throws {
        let empty = try SecretBytes(count: 0)
        #expect(empty.withBytes { $0.count } == 0)
        #expect(try SecretBytes(copying: [UInt8]().span).count == 0)
        #expect(areEqual([], []))
    }

    @Test func `random bytes are not repeated`() throws {
        let one = try SecretBytes(randomCount: 32)
        let two = try SecretBytes(randomCount: 32)
        #expect(!one.withBytes { one in two.withBytes { one.isEqualInConstantTime(to: $0) } })
    }

    @Test func `grows with what is appended`() throws {
        var buffer = try SecretBuffer(capacity: 16)
        for index in 0..<1000 { try buffer.append(UInt8(truncatingIfNeeded: index)) }
        try buffer.append([1, 2, 3].span)
        #expect(buffer.count == 1003)
        #expect(
            buffer.withBytes { span in (0..<1000).allSatisfy { span[$0] == UInt8(truncatingIfNeeded: $0) } })
        #expect(buffer.withBytes { [$0[1000], $0[1001], $0[1002]] } == [1, 2, 3])
        let finished = try buffer.finish()
        #expect(finished.count == 1003)
    }

    @Test func `wipes what is cut off`() throws {
        var buffer = try SecretBuffer(capacity: 16)
        try buffer.append([1, 2, 3, 4].span)
        buffer.truncate(to: 1)
        #expect(buffer.count == 1)
        _ = buffer.appendInPlace { free in
            #expect(free[0] == 0 && free[1] == 0 && free[2] == 0)
            return 2
        }
        #expect(buffer.withBytes { [$0[0], $0[1], $0[2]] } == [1, 0, 0])
    }

    @Test func `wipes what the rest leaves when its front is dropped`() throws {
        var buffer = try SecretBuffer(capacity: 16)
        try buffer.append([1, 2, 3, 4, 5].span)
        buffer.removeFirst(2)
        #expect(buffer.withBytes { [$0.count, Int($0[0]), Int($0[1]), Int($0[2])] } == [3, 3, 4, 5])
        _ = buffer.appendInPlace { free in
            #expect(free[0] == 0 && free[1] == 0)
            return 0
        }
        buffer.removeFirst(0)
        #expect(buffer.count == 3)
        buffer.removeFirst(3)
        #expect(buffer.count == 0)
    }

    @Test func `is compared in full`() {
        #expect(areEqual([1, 2, 3], [1, 2, 3]))
        #expect(!areEqual([1, 2, 3], [1, 2, 4]))
        #expect(!areEqual([1, 2, 3], [1, 2]))
    }

    @Test func `refuses what does not fit in memory`() {
        #expect(throws: SodiumError.outOfMemory) { _ = try SecretBytes(count: 1 << 60) }
    }
}

@Suite struct `Parameters of a derivation` {
    @Test func `are read within fixed bounds`() {
        let bounds = Argon2id.Bounds.reading
        for (passes, memory, expected) in [
            (3 as UInt32, 262_144 as UInt32, true), (1, 8192, true), (4, 4_194_304, true),
            (32, 524_288, true),
            (0, 262_144, false), (33, 262_144, false), (3, 8191, false), (3, 0, false), (1, 4_194_305, false),
            (5, 4_194_304, false), (.max, .max, false), (3, .max, false),
        ] {
            #expect(bounds.contains(Argon2id.Parameters(passes: passes, memoryKiB: memory)) == expected)
        }
    }

    @Test func `are written above a higher floor`() {
        #expect(!Argon2id.Bounds.writing.contains(Argon2id.Parameters(passes: 2, memoryKiB: 262_144)))
        #expect(!Argon2id.Bounds.writing.contains(Argon2id.Parameters(passes: 3, memoryKiB: 65_535)))
        #expect(Argon2id.Bounds.writing.contains(.default))
    }

    @Test func `are chosen by the speed of the machine, never below the default`() {
        let gibibyte: UInt64 = 1 << 30
        func choose(_ milliseconds: UInt64, _ memory: UInt64) -> Argon2id.Parameters {
            Argon2id.choose(nanosecondsPerPassOf64MiB: milliseconds * 1_000_000, availableMemory: memory)
        }
        #expect(choose(50, 16 * gibibyte) == .default)  // 600 ms; twice the memory would take 1.2 s
        #expect(choose(5000, 16 * gibibyte) == .default)
        #expect(choose(1, 16 * gibibyte).memoryKiB == 1024 * 1024)
        #expect(choose(1, 16 * gibibyte).passes == 16)
        #expect(choose(20, 16 * gibibyte).memoryKiB == 512 * 1024)
        #expect(choose(20, gibibyte).memoryKiB == 256 * 1024)
        #expect(choose(20, 0).memoryKiB == 256 * 1024)
        #expect(Argon2id.Bounds.writing.contains(choose(1, .max)))
    }
}
