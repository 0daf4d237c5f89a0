import Compaction
import Platform
import Sodium
import Testing

@testable import VaultFile

/// Fails each call to the disk with each error that Linux can return for it, once or permanently.
@Suite struct FaultTests {
    /// The call that fails.
    private enum Permission: String {
        case once, kindFromThenOn, allFromThenOn
    }

    /// A failure of one call.
    private struct Fault: CustomStringConvertible {
        let number: Int
        let call: MemoryDisk.Call
        let error: Errno
        let reach: Permission
        /// The part of a failed write that reaches the disk.
        let part: Int

        var description: String { "call \(number), \(call): \(error), \(reach), part \(part)" }

        func arm(_ disk: MemoryDisk) {
            let fault = self
            var left = number
            disk.written = { [0, 1, $0 / 2, max($0 - 1, 0)][fault.part] }
            disk.before = { [unowned disk] call in
                left -= 1
                guard left == 0 else { return }
                let calls = fault.reach == .allFromThenOn ? MemoryDisk.Call.allCases : [call]
                for call in calls { disk.fail(call, with: fault.error, fromThenOn: fault.reach != .once) }
            }
        }
    }

    private static func errors(of call: MemoryDisk.Call) -> [Errno] {
        let (quota, tooManyInSystem) = (Errno(rawValue: 122), Errno(rawValue: 23))
        let (readOnly, noLocks, tooLarge) = (Errno(rawValue: 30), Errno(rawValue: 37), Errno(rawValue: 27))
        let opening: [Errno] = [
            .ioError, .permissionDenied, .tooManyFiles, tooManyInSystem, .noMemory, .interrupted,
        ]
        let making: [Errno] = [.ioError, .noSpace, quota, .permissionDenied, readOnly]
        return switch call {
        case .open: opening
        case .create: opening + [.noSpace, quota, readOnly]
        case .identity, .resolve, .length, .status: [.ioError, .noMemory]
        case .rename, .makeDirectory: making
        case .remove: [.ioError, .permissionDenied, readOnly]
        case .names: [.ioError, .noMemory, .tooManyFiles]
        case .syncDirectory: [.ioError, .noSpace, quota, .tooManyFiles]
        case .read: [.ioError, .noMemory, .interrupted]
        case .write: [.ioError, .noSpace, quota, tooLarge, .interrupted]
        case .truncate: [.ioError, .interrupted, .notPermitted]
        case .sync: [.ioError, .noSpace, quota, .interrupted]
        case .lock: [noLocks, .interrupted]
        case .lockFile: opening + [readOnly]
        case .attributes: [.ioError, .notPermitted, .noSpace, quota]
        }
    }

    private static func faults(_ calls: [MemoryDisk.Call]) -> [Fault] {
        var faults: [Fault] = []
        for (index, call) in calls.enumerated() {
            for error in errors(of: call) {
                for reach in error == .ioError
                    ? [.once, .kindFromThenOn, .allFromThenOn] : [Permission.once, .kindFromThenOn]
                {
                    for part in 0..<(call == .write ? 4 : 1) {
                        faults.append(
                            Fault(number: index + 1, call: call, error: error, reach: reach, part: part))
                    }
                }
            }
        }
        return faults
    }

    /// Returns the content of each vault file without times, and how often its keys were changed.
    ///
    /// Checkpoints and saved tails are left out.
    private enum Meaning: Equatable {
        case secrets([Address: [[UInt8]?]], formerKeys: Int)
        case bytes([UInt8])
    }

    private static func meaning(_ world: World) throws -> [String: Meaning] {
        var result: [String: Meaning] = [:]
        for (path, node) in world.disk.files {
            if path.hasPrefix("/state/") || isLeftover(path) || path.contains(".unfinished-") { continue }
            // A process that is killed before it exchanges two files leaves a second copy of the backup under
            // that name.
            if path.contains(".before-restore-"), node.bytes == world.disk[FaultOperation.backup] { continue }
            let point = path.firstRange(of: ".before-restore-")
            let name = point.map { path[..<$0.lowerBound] + ".before" } ?? path[...]
            var other = world.dependencies
            other.checkpoints = nil
            do throws(VaultFileError) {
                let log = try Log(path: path, access: .reading, dependencies: other) {
                    header throws(VaultFileError) in try header.unlock(passphrase: world.passphrase.span)
                }
                result[String(name)] = .secrets(
                    try log.history().mapValues { $0.map(\.value) }, formerKeys: log.ancestry.keys.count)
            } catch {
                result[String(name)] = .bytes(node.bytes)
            }
        }
        return result
    }

    /// Returns whether each name has the same history in both, except for newer versions in `after`.
    private static func isPrefix(_ before: [String: Meaning], of after: [String: Meaning]) -> Bool {
        before.allSatisfy { path, meaning in
            guard case .secrets(let old, let keys) = meaning,
                case .secrets(let new, keys)? = after[path]
            else { return after[path] == meaning }
            return old.allSatisfy { address, history in
                (new[address] ?? []).suffix(history.count) == history[...]
            }
        }
    }

    private static func isLeftover(_ path: String) -> Bool { Path.name(of: path).hasPrefix(".") }

    private static func copy(_ world: World) -> World {
        var copy = World.remembering(seed: 99)
        copy.clock.now = world.clock.now
        for (path, node) in world.disk.files { copy.disk[path] = node.bytes }
        copy.dependencies.now = { [clock = copy.clock] in clock.look() }
        return copy
    }

    /// One in every so many is tried; VAULT_FAULTS sets it in a campaign.
    private static let step =
        Environment.withValue("VAULT_FAULTS") { bytes in
            Int(String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self)) ?? 1
        } ?? 12

    @Test(arguments: FaultOperation.all)
    func `nothing is lost by a fault, the right error says so, and the same works afterwards`(
        _ operation: FaultOperation
    ) throws {
        let original = try operation.world()
        let before = try FaultTests.meaning(original)
        let undisturbed = FaultTests.copy(original)
        var calls: [MemoryDisk.Call] = []
        let subject = try operation.prepare(undisturbed)
        let between = try FaultTests.meaning(undisturbed)
        undisturbed.disk.before = { calls.append($0) }
        try subject.body()
        undisturbed.disk.before = nil
        let after = try FaultTests.meaning(undisturbed)
        #expect(!calls.isEmpty)
        #expect(before.keys == between.keys)

        let faults = FaultTests.faults(calls)
        var count = 0
        for (index, fault) in faults.enumerated()
        where index % FaultTests.step == operation.description.count % FaultTests.step {
            try FaultTests.disturb(operation, FaultTests.copy(original), fault, between, after)
            count += 1
        }
        print("faults: at the seam, \(operation): \(calls.count) calls, \(count) of \(faults.count) faults")
        #expect(count >= faults.count / FaultTests.step)
    }

    private static func disturb(
        _ operation: FaultOperation, _ world: World, _ fault: Fault, _ before: [String: Meaning],
        _ after: [String: Meaning]
    ) throws {
        let place: Comment = "\(operation): \(fault)"
        let tail = world.bytes.suffix(300)
        let (body, recover) = try operation.prepare(world)
        fault.arm(world.disk)
        var failure: VaultFileError?
        let start = ContinuousClock.now
        do throws(VaultFileError) { try body() } catch { failure = error }
        #expect(ContinuousClock.now - start < .seconds(2), "\(place): \(String(describing: failure))")
        world.disk.before = nil
        world.disk.heal()
        let (left, present) = (world.disk.files.keys.filter(isLeftover), try meaning(world))

        let isDone = present == after
        let isUnknown = if case .outcomeUnknown = failure { true } else { false }
        // Each transaction of a batch is there completely or not at all.
        let isPart =
            isUnknown && present != before && isPrefix(before, of: present) && isPrefix(present, of: after)
        #expect(isDone || isPart || present == before, place)
        if let failure {
            #expect(says(failure, fault.error), "\(place): \(failure)")
            // If the change is there despite the error, the error must be `outcomeUnknown`.
            if before != after, !isUnknown { #expect(!isDone, place) }
        } else {
            #expect(isDone, place)
        }
        if fault.call != .remove, fault.reach != .allFromThenOn { #expect(left == [], place) }
        for path in world.disk.files.keys
        where path.contains(".unfinished-") && fault.reach != .allFromThenOn {
            #expect(world.disk[path][...] == tail, place)
        }

        // Again: at once, or after the log that failed was reopened.
        var second: VaultFileError?
        do throws(VaultFileError) { try body() } catch { second = error }
        if second == .previousFailure {
            #expect(failure != nil, place)
            try recover()
            second = nil
            do throws(VaultFileError) { try body() } catch { second = error }
        }
        #expect(
            second == nil || isDone && before != after && second == operation.done,
            "\(place): then \(String(describing: second))")
        if !isDone, !isPart { #expect(try meaning(world) == after, place) }
        if world.disk.files[world.path] != nil, world.verdict() == nil { try world.compact() }
        let home = Path.directory(of: world.path)
        #expect(
            world.disk.files.keys.filter { isLeftover($0) && Path.directory(of: $0) == home } == [], place)
    }

    /// Returns whether an error of the engine reports an error of the disk and not a defect of the file.
    private static func says(_ failure: VaultFileError, _ error: Errno) -> Bool {
        switch failure {
        case .io(_, error), .outcomeUnknown(error): true
        default: false
        }
    }
}
