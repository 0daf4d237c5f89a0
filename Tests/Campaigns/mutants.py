#!/usr/bin/env python3
"""Engines that are wrong on purpose: each one must be caught by the proofs.

    mutants.py [--only WORD] [--swift SWIFT]

Copies the tree to .build/mutants, changes one line of the engine there, builds, and runs the suites that should notice. It ends with
a line of counts, and with 1 if an engine was not caught.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
APPEND, MARK, REPLAY = "VaultFile/Log+Append.swift", "VaultFile/Log+Checkpoint.swift", "VaultFile/Replay.swift"
AHEAD = "VaultFile/ReadAhead.swift"
READER, NEW, HEADER = "VaultFile/FrameReader.swift", "Compaction/NewFile.swift", "VaultFile/Header.swift"
ANCESTRY, DESCENT, MERGE = "VaultFile/Ancestry.swift", "VaultFile/Descent.swift", "VaultCore/Merge.swift"
PROOF = "RollbackModelTests|RollbackTests"
CRASH, READ = "CrashTests", "CorruptionTests|VectorTests|CrashTests"

# What it does wrong; where; the line that is right; the line that is wrong; the suites that must notice.
MUTANTS = [
    ("a commit is not synced", APPEND, "            try file.sync()\n        } catch {\n            try? Log.truncate(file, to: end)\n",
     "            _ = try file.length()\n        } catch {\n            try? Log.truncate(file, to: end)\n", CRASH),
    ("what a killed writer left is built on unsynced", APPEND, "if syncedEnd != replay.committed.end {\n            try during",
     "if syncedEnd == .max {\n            try during", "WritingTests|CrashTests"),
    ("the name of a rewritten file is not synced before it is written to", APPEND, "        if !isNameSynced {",
     "        if !isNameSynced, syncedEnd == .max {", "WritingTests|CrashTests"),
    ("a tail is written over", APPEND, "guard let tail = unfinishedTail else",
     "guard let tail = unfinishedTail, tail.count == .max else", "TailTests|CrashTests"),
    ("a checkpoint is written before what it names is durable", MARK, "if syncedEnd != replay.committed.end {",
     "if syncedEnd == .max {", CRASH),
    ("a checkpoint is written before the name of the file is durable", MARK,
     "if !isNameSynced, remembered?.canonical?.generation != header.generation",
     "if !isNameSynced, remembered?.canonical?.generation == .max", CRASH),
    ("a lower checkpoint is not durable", "VaultCore/Backup.swift", "durably: true", "durably: false", CRASH),
    ("a rollback is not reported", MARK, "            if let refusal = try refusal(of: seen) { throw refusal }\n            if seen.generation",
     "            _ = try refusal(of: seen)\n            if seen.generation", "CheckpointTests|CorruptionTests"),
    ("a file need contain one of the heads alone", ANCESTRY, "        return missing.isEmpty\n", "        return missing.count < max(1, wanted.count)\n",
     PROOF),
    ("a compaction carries the newest changes alone", DESCENT, "ids = isChange ? all : all.filter { !newest.contains($0) }",
     "ids = isChange ? all : []", PROOF),
    ("new keys forget the changes before", DESCENT, "ids = isChange ? all :", "ids = isChange ? [] :", PROOF),
    ("a compaction is a change", "Compaction/Compaction.swift", "purged: log.purged.entries, isChange: false)", "purged: log.purged.entries)",
     PROOF),
    ("a purge is no change", DESCENT, "heads = isChange ? [] : newest", "heads = newest", PROOF),
    ("a merge takes no ids", MERGE, "ids: otherIDs.filter { !own.contains($0) }, dropped", "ids: [], dropped", PROOF),
    ("a part of a copy counts as the whole", MERGE, "!future.isEmpty || unknown > 0 || purgesLeftOut > 0", "unknown > 0 || purgesLeftOut > 0",
     PROOF + "|PurgeTests"),
    ("a file under other keys proves its ids", MERGE, "            guard isWhole, relation != .unrelated else { return Descent() }\n",
     "            guard isWhole else { return Descent() }\n", "VectorSetTests"),
    ("the other side's heads are always newest", MERGE, "where !newest.contains(id) && (!own.contains(id) || heads.contains(id))",
     "where !newest.contains(id)", "VectorSetTests"),
    ("what was purged comes back by a merge", MERGE, "                    report.purged += 1\n                    return true\n",
     "                    report.purged += 1\n                    return false\n", "PurgeTests"),
    ("a rewrite forgets what was purged", "Compaction/Rewrite.swift", "ofPurged: purged.suffix(PurgeList.maxTotal),",
     "ofPurged: purged.suffix(0),", "PurgeTests"),
    ("what was purged elsewhere is still shown", "VaultFile/Replay.swift", "if isListNew { try hideListed() }", "if isListNew { hidden = [] }", "PurgeTests"),
    ("a version that is added behind its entry is shown", "VaultFile/Replay.swift", "staged.hidden.append(version.offset)", "_ = version.offset",
     "PurgeTests"),
    ("a merge pushes one's own purges off the list", MERGE, "let capacity = isTaken ? here.roomForPurges : 0", "let capacity = isTaken ? lacking.count : 0", "PurgeTests"),
    ("a copy with older keys can purge", MERGE, "let isTaken = relation == .same || relation == .newer", "let isTaken = relation != .unrelated", "VectorSetTests"),
    ("what is set after a purge elsewhere is as far ahead as that", "VaultFile/Replay.swift", "return [histories.newest(at: place)?.time,", "return [index.newest(at: place).time,",
     "PurgeTests"),
    ("numbers that are used up are taken with the keys", MERGE, "hasPurges, there.hasNumbersLeft,", "hasPurges,", "VectorSetTests"),
    ("a half of a nonce does not depend on what it is for", "VaultFile/FrameSealer.swift",
     "        group.withBytes { hash.update($0.extracting(0..<size)) }\n", "        _ = size\n", "NonceTests"),
    ("a rewritten file gets its name before it is synced", NEW,
     "            try file.sync()\n            try rename(storage, path)\n", "            try rename(storage, path)\n            try file.sync()\n",
     CRASH),
    ("a rewritten file is not synced", NEW, "            try file.sync()\n            try rename(storage, path)\n",
     "            try rename(storage, path)\n", CRASH),
    ("the name of a rewritten file is not synced", NEW, "            try storage.syncDirectory(Path.directory(of: target))\n",
     "            _ = try storage.names(in: Path.directory(of: target))\n", CRASH),
    ("the first frame is trusted without its COMMIT", REPLAY, "            guard commits else { continue }\n",
     "            _ = commits\n", READ),
    ("the chain is ignored", REPLAY, " && prefix.previousTag == tag\n", "\n", READ),
    ("the number of a frame is ignored", REPLAY, "seq < .max && prefix.seq == seq + 1 &&",
     "seq < .max && prefix.seq > 0 &&", READ),
    ("where a transaction begins is ignored", REPLAY, "prefix.transactionStart == transactionStart else",
     "prefix.transactionStart <= .max else", READ),
    ("a record may break the rules", "VaultFile/Record.swift", "guard prefix.keepsRules(in: plaintext) else { return nil }",
     "_ = prefix.keepsRules(in: plaintext)", READ),
    ("damage counts as a tail", REPLAY, "        if !skippingSearch { try scanForLaterTransaction(after: stop, to: length) }\n", "", READ),
    ("a tail counts as damage", REPLAY, "if let start, start > stop {", "if let start, start > 0 {", READ),
    ("the end of a rewrite is ignored", REPLAY, "        if !metBaseEnd { throw .damaged(at: stop) }\n", "", READ),
    ("the sum of a frame is ignored", READER, "{ FrameHead.sum(of: frame) == sum }", "{ FrameHead.sum(of: frame) != 0 || sum != 0 }", READ),
    ("the place of a frame is ignored", READER, "self.offset == offset && Format", "self.offset <= .max && Format", READ),
    ("the header's MAC is ignored", HEADER, "guard try isAuthentic(master: master) else { throw .tamperedHeader }",
     "_ = try isAuthentic(master: master)", READ),
    ("a writer goes on after an error", APPEND, "        hasFailed = true  // Until everything has succeeded.\n", "", "TailTests|FaultRegressionTests"),
    ("the same time may be stamped twice", "VaultFile/Batch.swift", ".map { $0 + 1 } ?? 0)", ".map { $0 - 1 } ?? 0)",
     "WritingTests|RecordTests"),
    ("what was changed since it was read is overridden", "VaultFile/Batch.swift",
     "!= condition.newest { throw", "!= condition.newest && condition.newest?.time == 1 { throw", "WritingTests"),
    ("the changes of another copy are named by this one's key", MARK, "missing, try other.namer())", "missing, namer)",
     "RollbackTests"),
    ("a frame that is read ahead need not be authentic", AHEAD, "            guard isAuthentic else { return }\n",
     "            _ = isAuthentic\n", "FrameReaderTests"),
    ("a frame that is read ahead need not have the right checksum", AHEAD,
     "guard FrameHead(frame).isSum(of: frame) else { return }", "_ = FrameHead(frame).isSum(of: frame)", "FrameReaderTests"),
    ("a frame that is read ahead may lie anywhere", AHEAD, "frames[usedCount].lowerBound) == offset", "frames[usedCount].lowerBound) <= offset",
     "FrameReaderTests"),
    ("the subkey of the last nonce is used for every nonce", "Sodium/BoxKey.swift", "last == salt { return }", "last.0 != 1 { return }",
     "SodiumTests"),
    ("a frame need not be authentic", READER, "return isAuthentic ? frame : nil", "return isAuthentic || true ? frame : nil", "FrameReaderTests"),
    ("a transaction without its end stays in the index", REPLAY, "        defer { rollBack() }\n", "", "CrashTests"),
    ("the bit of metadata reaches the disk", "VaultFile/Transaction.swift", "        bytes[offset] &= ~metadataBit\n", "", "CrashTests"),
    ("metadata are versions of the value", "VaultFile/Record.swift",
     "        if kind == .metadata { packed[0] |= Address.metadataBit }\n", "", "VectorSetTests"),
    ("metadata may be as long as a value", "VaultFile/Record.swift", "case .metadata: Format.maxMetadata", "case .metadata: Format.maxValue",
     "VectorSetTests"),
    ("the scope of metadata may have the bit on the disk", "VaultFile/Record.swift", "guard Address.isSecret(packed.span) else",
     "guard Address.isValid(packed.span) else", "VectorSetTests"),
    ("metadata of one time are not compared", "VaultFile/Index.swift", "return left.kind == .tombstone ? 0 :", "return left.kind != .value ? 0 :",
     "VectorSetTests|MergeTests"),
    ("the entry of purged metadata is that of a value", "VaultFile/PurgeList.swift", "span[end + 8] = version.kind.rawValue",
     "span[end + 8] = version.kind.rawValue & 3", "VectorSetTests"),
    ("a purge of all versions leaves the metadata", "Compaction/Compaction.swift", "= (versions, log.versions(address.metadata))",
     "= (versions, [])", "VectorSetTests"),
    ("a merge takes no metadata", MERGE, "                var pair = try HistoryPair(address, here, there)\n",
     "                if address.isOfMetadata { return }\n                var pair = try HistoryPair(address, here, there)\n", "VectorSetTests"),
    ("a secret exists that has metadata alone", "VaultFile/Log+Content.swift", "if newest.kind == kind { try body(address) }",
     "if newest.kind != .tombstone { try body(address) }", "VectorSetTests"),
    ("a deletion has an empty value, as metadata can be empty", "VaultFile/FrameReader+Value.swift",
     "kind == version.kind, kind != .tombstone, packed", "kind == version.kind, packed", "RecordTests"),
    ("a deleted version is found, as removed metadata are", "VaultCore/LocalSession.swift",
     "guard versions.indices.contains(version), versions[version].kind != .tombstone else", "guard versions.indices.contains(version) else",
     "HistoryModelTests"),
    ("an undo leaves metadata that were set with the value", "VaultCore/Session.swift", "described.time == newest.time",
     "described.time == newest.time + 1", "HistoryModelTests"),
    ("an undo takes back metadata that were set earlier", "VaultCore/Session.swift", "described.time == newest.time",
     "described.time <= newest.time", "HistoryModelTests"),
    ("a condition on metadata is one on the value", "VaultCore/Changes.swift", "Transaction.Condition(try secret.address(of: part), newest",
     "Transaction.Condition(try secret.address(), newest", "HistoryModelTests"),
    ("an edit of metadata overrides another one", "VaultCore/Session+Metadata.swift",
     "            try changes.require(secret, .metadata, newest: newest)\n            try changes.set(secret, metadata: metadata)\n",
     "            _ = newest\n            try changes.set(secret, metadata: metadata)\n", "MetadataTests"),
    ("a rewrite changes what it copies", "Compaction/RecordWriter.swift", "        prefix.transactionStart = transactionStart\n",
     "        prefix.transactionStart = transactionStart\n        prefix.time = min(prefix.time, 1)\n", "CompactionTests"),
]


def run(swift, tree, *words):
    return subprocess.run([swift, *words], cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")


def build(swift, tree):
    return run(swift, tree, "build", "--build-tests", "-Xswiftc", "-no-warnings-as-errors", "-Xswiftc", "-suppress-warnings")


def is_caught(swift, tree, suites):
    """Whether a test fails, and the first words of the one that does."""
    try:
        done = subprocess.run(
            [swift, "test", "--skip-build", "--disable-xctest", "--filter", suites], cwd=tree, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", timeout=900, env={**os.environ, "VAULT_STATES": "20000"})
    except subprocess.TimeoutExpired:
        return True, "no end was seen in 15 minutes"
    failed = [line for line in done.stdout.splitlines() if "recorded an issue" in line]
    return done.returncode != 0, failed[0].split("recorded")[0].strip("✘ ")[:110] if failed else "it ended with %d" % done.returncode


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--swift", default="swift")
    options = parser.parse_args()
    tree = ROOT / ".build/mutants"
    tree.mkdir(parents=True, exist_ok=True)
    for directory in ["Sources", "Tests", "Fuzz"]:
        shutil.rmtree(tree / directory, ignore_errors=True)
        shutil.copytree(ROOT / directory, tree / directory, symlinks=True, ignore=shutil.ignore_patterns(".build", "__pycache__"))
    for name in ["Package.swift", "README.md", "vault-format.md"]:
        shutil.copy2(ROOT / name, tree / name)
    done = build(options.swift, tree)
    if done.returncode:
        sys.exit(done.stdout)
    caught, missed = 0, []
    for name, file, right, wrong, suites in MUTANTS:
        if options.only not in name:
            continue
        path = tree / "Sources" / file
        text = path.read_text()
        if text.count(right) != 1:
            sys.exit("mutants: '%s': the line is not there once, but %d times" % (name, text.count(right)))
        path.write_text(text.replace(right, wrong))
        done = build(options.swift, tree)
        found, what = is_caught(options.swift, tree, suites) if done.returncode == 0 else (False, "it does not build\n" + done.stdout[-2000:])
        path.write_text(text)
        print("  %-70s %s%s" % (name, "caught: " if found else "NOT CAUGHT: ", what), flush=True)
        if found:
            caught += 1
        else:
            missed.append(name)
    print("mutants: %d caught, %d not" % (caught, len(missed)), flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
