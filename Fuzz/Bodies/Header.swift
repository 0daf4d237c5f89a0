import Compaction
import Platform
import Sodium

@testable import VaultFile

/// The fuzz target for the 512 bytes of a header, with sums that are recomputed or not.
public enum HeaderTarget: FuzzTarget {
    /// `header`.
    public static let name = "header"

    /// The bits of an input's first byte.
    private enum Mode {
        static let repairsSum: UInt8 = 1
        static let repairsMAC: UInt8 = 2
        static let hasGoodCopy: UInt8 = 4
        static let isCopy: UInt8 = 8
        static let hasFrame: UInt8 = 16
        /// The bytes overwrite a valid header, from the offset in the next two bytes on.
        static let isPatch: UInt8 = 32
    }

    /// Reads `input` as a header in every way, and compares the result with the rules.
    public static func run(_ input: [UInt8]) {
        var reader = InputReader(input)
        let mode = reader.byte()
        var bytes = bytes(mode, &reader)
        if bytes.count >= 512 {
            if mode & Mode.repairsSum != 0 { Known.repairSum(&bytes) }
            if mode & Mode.repairsMAC != 0 { Known.repairMAC(&bytes) }
        }
        let file = file(bytes, mode)
        let disk = FuzzDisk()
        disk[Known.path] = file
        let dependencies = Known.dependencies(disk)
        let verdict = HeaderModel.verdict(file)
        checkReading(dependencies, verdict)
        checkSalvage(dependencies, file)
        checkOpening(dependencies, file, verdict)
        require(disk[Known.path] == file && disk.paths == [Known.path], "reading a header changes nothing")
    }

    private static func bytes(_ mode: UInt8, _ reader: inout InputReader) -> [UInt8] {
        guard mode & Mode.isPatch != 0 else { return Array(reader.rest().prefix(2000)) }
        let offset = Int(reader.number(UInt16.self)) % 512
        let patch = reader.rest().prefix(512 - offset)
        var bytes = Known.header()
        bytes.replaceSubrange(offset..<offset + patch.count, with: patch)
        return bytes
    }

    private static func file(_ bytes: [UInt8], _ mode: UInt8) -> [UInt8] {
        guard bytes.count >= 512 else { return bytes }
        let header = Array(bytes.prefix(512))
        if mode & Mode.isCopy != 0 { return Known.header() + Array(Known.front(header).dropFirst(512)) }
        var file = Known.front(header)
        if mode & Mode.hasGoodCopy != 0 { file.replaceSubrange(4096..<4608, with: Known.header()) }
        // Bytes beyond a header's length follow it.
        file.replaceSubrange(512..<bytes.count, with: bytes[512...])
        if mode & Mode.hasFrame != 0 { file += Script.frames(behind: header) }
        return file
    }

    private static func checkReading(_ dependencies: Dependencies, _ verdict: VaultFileError?) {
        do throws(VaultFileError) {
            _ = try Log.readHeader(path: Known.path, dependencies: dependencies)
            if let verdict { broken("a header was read, though \(verdict)") }
        } catch {
            require(error == verdict, "a header was not read: \(error), not \(String(describing: verdict))")
        }
    }

    /// Checks that salvage reads both copies of the header, and accepts only a header.
    private static func checkSalvage(_ dependencies: Dependencies, _ file: [UInt8]) {
        let places = [file, Array(file.dropFirst(4096))].map { Array($0.prefix(512)) }
        let good = places.filter { HeaderModel.verdict(ofHeader: $0) == nil }
        do throws(VaultFileError) {
            let headers = try Salvage.headers(of: Known.path, dependencies: dependencies)
            let isSame = headers.map(\.bytes) == (good.first == good.last ? Array(good.prefix(1)) : good)
            require(isSame, "salvage finds the headers that there are")
        } catch {
            require(good.isEmpty, "salvage finds a header: \(error)")
        }
    }

    private static func checkOpening(
        _ dependencies: Dependencies, _ file: [UInt8], _ verdict: VaultFileError?
    ) {
        if verdict == nil, Known.mac(file) == Array(file[480..<512]) {
            var check = VaultCheck(file)
            return check.run()
        }
        do throws(VaultFileError) {
            _ = try Effort.bounded("refusing", file.count) { () throws(VaultFileError) in
                try Log(path: Known.path, access: .writing, dependencies: dependencies, master: Known.master)
            }
            broken("a header opened, though \(String(describing: verdict))")
        } catch {
            require(error == verdict ?? .keysChanged, "another key is another key: \(error)")
        }
    }

    /// Seed inputs, by name.
    public static let seeds: [(name: String, input: [UInt8])] = {
        let header = Known.header()
        func patch(_ mode: UInt8, _ offset: Int, _ bytes: [UInt8]) -> [UInt8] {
            [mode | Mode.isPatch, UInt8(offset & 255), UInt8(offset >> 8)] + bytes
        }
        let ones = [UInt8](repeating: 255, count: 8)
        return [
            ("empty", [0]), ("short", [0] + Array(header.prefix(100))),
            ("other-content", [0] + Array("#!/bin/sh".utf8)), ("right", [0] + header),
            ("right-with-frame", [Mode.hasFrame] + header), ("resummed", [1] + header),
            ("resealed", [3] + header), ("resealed-with-frame", [3 | Mode.hasFrame] + header),
            ("good-copy", [4] + [UInt8](repeating: 0, count: 512)), ("is-copy", [8 | 3] + header),
            ("dirty-gap", [3] + header + [0, 0, 1]), ("patched-magic", patch(1, 0, [0])),
            ("patched-format", patch(1, 8, [2])), ("patched-length", patch(1, 12, [1, 2])),
            ("patched-flags", patch(3, 16, [0, 0, 0, 0, 1, 0, 0, 0, 1])),
            ("read-only", patch(3 | Mode.hasFrame, 20, [1])), ("unknown-flag", patch(1, 16, [1])),
            ("last-generation", patch(3 | Mode.hasFrame, 48, ones)),
            ("generation-0", patch(3, 48, [0, 0, 0, 0, 0, 0, 0, 0])),
            ("last-seq", patch(3 | Mode.hasFrame, 48, [2, 0, 0, 0, 0, 0, 0, 0] + ones)),
            ("base-end", patch(3, 48, [2, 0, 0, 0, 0, 0, 0, 0] + [1, 0, 0, 0, 0, 0, 0, 0, 16, 18])),
            ("base-end-beyond", patch(3, 48, [2, 0, 0, 0, 0, 0, 0, 0] + [0, 0, 0, 0, 0, 0, 0, 0] + ones)),
            ("slot-0-empty", patch(1, 128, [0])), ("slot-0-work", patch(1, 132, [33])),
            ("slot-0-memory", patch(1, 136, [0, 0, 64])), ("slot-0-lanes", patch(1, 140, [2])),
            ("slot-0-kind", patch(1, 128, [2])), ("slot-1-recovery", patch(3, 272, [2])),
            ("slot-1-passphrase", patch(1, 272, [1, 2])), ("slot-1-reserved", patch(1, 408, [1])),
            ("reserved", patch(1, 416, [1])), ("sum", patch(0, 448, [1])), ("mac", patch(0, 480, [1])),
        ]
    }()
}

/// An independent implementation of "Reading a header" in vault-format.md, steps 1 to 6.
enum HeaderModel {
    /// Returns the error of a file before its key is known; nil if there is none.
    static func verdict(_ file: [UInt8]) -> VaultFileError? {
        if let verdict = verdict(ofHeader: Array(file.prefix(512))) { return verdict }
        let baseEnd = file.number(UInt64.self, at: 64)
        if UInt64(file.count) < baseEnd {
            return .incompleteCopy(count: UInt64(file.count), expected: baseEnd)
        }
        return nil
    }

    static func verdict(ofHeader header: [UInt8]) -> VaultFileError? {
        if header.isEmpty { return .notAVault(.empty) }
        if header.prefix(8) != Known.header().prefix(min(8, header.count)) { return .notAVault(.content) }
        if header.count < 512 {
            return .incompleteCopy(count: UInt64(header.count), expected: 4608)
        }
        let format = header.number(UInt16.self, at: 8)
        if format != 1 { return .unsupported(.format(format)) }
        let flags = header.number(UInt32.self, at: 16)
        if flags != 0 { return .unsupported(.flags(flags)) }
        var summed = header
        Known.repairSum(&summed)
        if summed != header { return .damagedHeader }
        let passes = header.number(UInt32.self, at: 132)
        let memory = header.number(UInt32.self, at: 136)
        let isAffordable =
            (1...32).contains(passes) && (8192...4_194_304).contains(memory)
            && UInt64(passes) * UInt64(memory) <= 16_777_216
        if header[128] == 1, !isAffordable {
            return .refusedParameters(Argon2id.Parameters(passes: passes, memoryKiB: memory))
        }
        return areFieldsRight(header) && areSlotsRight(header) ? nil : .damagedHeader
    }

    private static func isZero(_ header: [UInt8], _ range: Range<Int>) -> Bool {
        header[range].allSatisfy { $0 == 0 }
    }

    private static func areFieldsRight(_ header: [UInt8]) -> Bool {
        let generation = header.number(UInt64.self, at: 48)
        let baseEnd = header.number(UInt64.self, at: 64)
        guard isZero(header, 10..<12), header.number(UInt32.self, at: 12) == 512, isZero(header, 28..<32),
            isZero(header, 120..<128), isZero(header, 416..<448), generation > 0, baseEnd >= 4608,
            baseEnd % 16 == 0
        else { return false }
        return generation > 1 || isZero(header, 56..<64) && baseEnd == 4608 && isZero(header, 104..<120)
    }

    private static func areSlotsRight(_ header: [UInt8]) -> Bool {
        guard header[128] == 1, header[129] == 2, isZero(header, 130..<132),
            header.number(UInt32.self, at: 140) == 1, isZero(header, 264..<272)
        else { return false }
        switch header[272] {
        case 0: return isZero(header, 272..<416)
        case 2: return isZero(header, 273..<288) && isZero(header, 408..<416)
        default: return false
        }
    }
}
