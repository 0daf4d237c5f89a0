import Foundation
import Sodium
import Testing

@testable import Clipboard

@Suite struct `The sequence that sets a terminal's clipboard` {
    private func sequence(_ kind: TerminalClipboard, _ value: [UInt8]) throws -> String {
        let sequence = try kind.sequence(value.span)
        return sequence.withBytes { bytes in
            String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self)
        }
    }

    @Test func `has the value in Base64, whatever its length`() throws {
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ $0 >> 5) }
        for count in [0, 1, 2, 3, 4, 61, 62, 63, 64, 1000] {
            let value = Array(bytes.prefix(count))
            #expect(
                try sequence(.direct, value) == "\u{1B}]52;c;\(Data(value).base64EncodedString())\u{07}")
        }
    }

    @Test func `is passed on by tmux as a whole`() throws {
        #expect(
            try sequence(.tmux(nil), Array("abc".utf8))
                == "\u{1B}Ptmux;\u{1B}\u{1B}]52;c;YWJj\u{07}\u{1B}\\")
    }

    @Test func `is passed on by Screen in pieces that it takes`() throws {
        let value = [UInt8](repeating: 0x61, count: 5000)
        let pieces = try sequence(.screen, value).components(separatedBy: "\u{1B}\\")
        #expect(pieces.count == 18 && pieces.last == "")
        #expect(pieces.dropLast().allSatisfy { $0.hasPrefix("\u{1B}P") && $0.utf8.count < 500 })
        #expect(
            pieces.map { $0.replacingOccurrences(of: "\u{1B}P", with: "") }.joined()
                == "\u{1B}]52;c;\(Data(value).base64EncodedString())\u{07}")
    }
}
