import Foundation
import PushAuthenticator
import Testing

/// The layer for tasks: concurrency, cancellation, sequences, and how a courier handles a bad network.
@Suite(.timeLimit(.minutes(2))) struct CourierTests {
    private struct Bug: Error {}

    private func registered(_ phone: Phone, _ code: String = registrationCode()) async throws -> Registered {
        try await phone.call { try Registered($0, code) }
    }

    private func receive(_ phone: Phone, _ server: Registered, _ number: Int, _ others: [String: String] = [:]) async throws -> SignOnRequest {
        try await phone.call { try $0.receiveMessage(messageId: "message-\(number)", jwt: server.message(number, others)) }
    }

    private func state(_ phone: Phone, _ id: String) async throws -> NotificationState {
        try await phone.call { try $0.notification(id: id) }.state
    }

    @Test func aHundredTasksAnswerAHundredRequests() async throws {
        let phone = try await openPhone()
        let server = try await registered(phone)
        let transport = Recorder()
        let courier = Courier(phone, transport: transport)
        let settled = try await withThrowingTaskGroup(of: Answer.self) { group in
            for number in 1...100 {
                group.addTask { try await courier.approve(receive(phone, server, number).id, .tap) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(settled == Array(repeating: .settled(.approved), count: 100))
        let sent = try transport.posts.map { try json($0.body)["messageId"] as? String }
        #expect(sent.count == 100, "nothing was sent twice")
        #expect(Set(sent) == Set((1...100).map { "message-\($0)" }))
        #expect(try await phone.call { try $0.history(limit: 200, offset: 0) }.count == 100)
    }

    @Test func ofAHundredAnswersToOneRequestOneCounts() async throws {
        let phone = try await openPhone()
        let transport = Recorder()
        let courier = Courier(phone, transport: transport)
        let request = try await receive(phone, registered(phone), 1)
        let answers = try await withThrowingTaskGroup(of: Answer.self) { group in
            for number in 1...100 {
                group.addTask { number % 2 == 0 ? try await courier.approve(request.id, .tap) : try await courier.deny(request.id) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let rejected = answers.filter { if case .rejected(let reason) = $0 { reason.code == "already-answered" } else { false } }
        #expect(rejected.count == 99)
        #expect(answers.filter { $0 == .settled(.approved) || $0 == .settled(.denied) }.count == 1)
        #expect(transport.posts.count == 1)
    }

    @Test func cancelledWhileTheServerIsSilentTheAnswerStaysAndIsSentLater() async throws {
        let arrived = Box(false)
        let silent = try LoopbackServer { _, _ in
            arrived.change { $0 = true }
            Thread.sleep(forTimeInterval: 60)
        }
        let phone = try await openPhone()
        let request = try await receive(phone, registered(phone, registrationCode(origin: silent.origin)), 1)
        let sending = Task { try await Courier(phone).approve(request.id, .tap) }
        #expect(await eventually { arrived.value })
        sending.cancel()
        await #expect(throws: CancellationError.self) { try await sending.value }
        let waiting = try #require(try await phone.call { try $0.outbox() }.first)
        #expect(waiting.notificationId == request.id && waiting.attempts == 1)
        #expect(try await state(phone, request.id) == .answering)
        try await phone.call { try $0.retryNow() }
        // The first attempt may have arrived, so a rejection now proves nothing.
        let refusing = Recorder { _ in HttpResponse(status: 400, date: nil, body: Data("{}".utf8)) }
        let again = try await Courier(phone, transport: refusing).deliver()
        let outcome = Outcome.answered(notificationId: request.id, state: .outcomeUnknown)
        #expect(again.map(\.delivery) == [.refused(status: 400, message: nil, outcome: outcome)])
    }

    @Test func cancelledTheRequestIsFreeForTheNextCourier() async throws {
        let phone = try await openPhone()
        let request = try await receive(phone, registered(phone), 1)
        try await phone.call { try $0.deny(notificationId: request.id) }
        let sent = Box(false)
        let stuck = Recorder { _ in
            sent.change { $0 = true }
            try await Task.sleep(for: .seconds(60))
            return Recorder.taken
        }
        let courier = Courier(phone, transport: stuck)
        let sending = Task { try await courier.deliver() }
        #expect(await eventually { sent.value })
        #expect(try await courier.deliver() == [], "a request is sent by one round")
        sending.cancel()
        await #expect(throws: CancellationError.self) { try await sending.value }
        try await phone.call { try $0.retryNow() }
        #expect(try await Courier(phone, transport: Recorder()).deliver().count == 1)
        #expect(try await state(phone, request.id) == .denied)
    }

    @Test func aServerThatDoesNotAnswerHoldsUpNobodyElse() async throws {
        let phone = try await openPhone()
        let silent = try await registered(phone, registrationCode(origin: "https://silent.example.com"))
        let other = try await registered(phone, registrationCode("ada"))
        let held = Box<[CheckedContinuation<Void, Never>]>([])
        let courier = Courier(phone, transport: Recorder { post in
            if post.url.contains("silent") { await withCheckedContinuation { answer in held.change { $0.append(answer) } } }
            return post.url.contains("silent") ? HttpResponse(status: 400, date: nil, body: Data(#"{"message":"no"}"#.utf8)) : Recorder.taken
        })
        let stuck = try await receive(phone, silent, 1)
        let running = Task { try await courier.run() }
        try await phone.call { try $0.deny(notificationId: stuck.id) }
        #expect(await eventually { held.value.count == 1 })
        #expect(try await courier.approve(receive(phone, other, 2).id, .tap) == .settled(.approved))

        held.value.forEach { $0.resume() }
        #expect(try await eventually { try await state(phone, stuck.id) == .failed })
        running.cancel()
        await #expect(throws: CancellationError.self) { try await running.value }
    }

    @Test func whoAnswersWhileAnotherRoundSendsWaitsForItsOutcome() async throws {
        let (opened, sent) = (Box<Phone?>(nil), DispatchSemaphore(value: 0))
        // Between storing and sending the answer, the running courier takes it.
        let phone = try await openPhone(log: Sink { _, line in
            guard line.hasPrefix("decided") else { return }
            opened.value?.refresh()
            sent.wait()
        })
        opened.change { $0 = phone }
        let held = Box<CheckedContinuation<Void, Never>?>(nil)
        let courier = Courier(phone, transport: Recorder { _ in
            sent.signal()
            await withCheckedContinuation { answer in held.change { $0 = answer } }
            return HttpResponse(status: 400, date: nil, body: Data(#"{"message":"no"}"#.utf8))
        })
        let request = try await receive(phone, registered(phone), 1)
        let running = Task { try await courier.run() }
        let isAnswered = Box(false)
        let answering = Task {
            defer { isAnswered.change { $0 = true } }
            return try await courier.approve(request.id, .tap)
        }
        #expect(await eventually { held.value != nil })
        try await Task.sleep(for: .milliseconds(200))
        #expect(!isAnswered.value)
        held.value?.resume()
        #expect(try await answering.value == .refused(status: nil, message: nil))
        running.cancel()
        await #expect(throws: CancellationError.self) { try await running.value }
        opened.change { $0 = nil }
    }

    @Test func aCallThatHasBegunIsMadeToItsEnd() async throws {
        let phone = try await openPhone()
        let account = try await registered(phone).account
        let (inside, goOn) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let renaming = Task {
            try await phone.call { core in
                inside.signal()
                goOn.wait()
                return try core.rename(accountId: account.id, issuer: nil, name: "Work")
            }
        }
        await withCheckedContinuation { done in
            DispatchQueue.global().async {
                inside.wait()
                done.resume()
            }
        }
        renaming.cancel()
        goOn.signal()
        #expect(try await renaming.value.displayName == "Work")
        #expect(try await phone.call { try $0.accounts() }.map(\.displayName) == ["Work"])
    }

    @Test func sequencesShowChangesAndEndWhenThePhoneIsClosed() async throws {
        let phone = try await openPhone()
        let (begun, accounts) = (Box(false), phone.accounts)
        let seen = Task {
            var seen: [[String]] = []
            for try await accounts in accounts {
                seen.append(accounts.map(\.displayName))
                begun.change { $0 = true }
            }
            return seen
        }
        #expect(await eventually { begun.value })
        let server = try await registered(phone)
        #expect(try await phone.accounts.first { $0.count == 1 } != nil)
        _ = try await phone.call { try $0.rename(accountId: server.account.id, issuer: nil, name: "Work") }
        #expect(try await phone.accounts.first { $0.first?.displayName == "Work" } != nil)
        let request = try await receive(phone, server, 1)
        #expect(try await phone.notifications.first { _ in true } == [request])
        try await phone.call { try $0.deny(notificationId: request.id) }
        #expect(try await phone.notifications.first { _ in true } == [])
        let last = Task { try await accounts.first { $0.isEmpty } }
        try await phone.call { try $0.remove(accountId: server.account.id) }
        #expect(try await last.value == [])
        try await Task.sleep(for: .milliseconds(200))
        phone.close()
        let names = try await seen.value
        #expect(names.first == [] && names.last == [] && names.contains(["Work"]), "\(names)")
    }

    @Test func aSequenceIsCancelledWithItsTask() async throws {
        let phone = try await openPhone()
        let begun = Box(false)
        let watching = Task { for try await _ in phone.accounts { begun.change { $0 = true } } }
        #expect(await eventually { begun.value })
        watching.cancel()
        await #expect(throws: CancellationError.self) { try await watching.value }
    }

    @Test func aSequenceOutlivesNoPhone() async throws {
        var phone: Phone? = try await openPhone()
        weak var forgotten = phone
        let accounts = try #require(phone).accounts
        phone = nil
        #expect(forgotten == nil)
        for try await seen in accounts { Issue.record("\(seen)") }
    }

    @Test func aRequestLeavesTheSequenceWhenItsTimeIsOver() async throws {
        let phone = try await openPhone()
        let request = try await receive(phone, registered(phone), 1, ["t": "2"])
        let began = ContinuousClock.now
        var counts: [Int] = []
        for try await pending in phone.notifications {
            counts.append(pending.count)
            if pending.isEmpty { break }
        }
        #expect(counts == [1, 0])
        #expect(ContinuousClock.now - began < .seconds(30))
        #expect(try await state(phone, request.id) == .expired)
    }

    @Test func aRunningCourierSendsWhatBecomesDue() async throws {
        let phone = try await openPhone()
        let attempts = Box(0)
        let courier = Courier(phone, transport: Recorder { _ in
            attempts.change { $0 += 1 }
            if attempts.value == 1 { throw TransportError.noAnswer(reason: "lost") }
            return Recorder.taken
        })
        let server = try await registered(phone)
        let running = Task { try await courier.run() }
        let request = try await receive(phone, server, 1)
        try await phone.call { try $0.approve(notificationId: request.id, evidence: .tap) }
        #expect(try await eventually { try await state(phone, request.id) == .approved })
        #expect(attempts.value == 2)
        running.cancel()
        await #expect(throws: CancellationError.self) { try await running.value }
    }

    @Test func whatTheNetworkDidDecidesWhatARetryMeans() async throws {
        let phone = try await openPhone()
        let server = try await registered(phone)
        let failures: [(TransportError, NotificationState)] = [
            (.notSent(reason: "no network"), .failed), (.noAnswer(reason: "reset"), .outcomeUnknown),
        ]
        for (number, (failure, expected)) in failures.enumerated() {
            let request = try await receive(phone, server, number)
            #expect(try await Courier(phone, transport: Recorder { _ in throw failure }).approve(request.id, .tap) == .queued)
            try await phone.call { try $0.retryNow() }
            let refusing = Recorder { _ in HttpResponse(status: 400, date: nil, body: Data(#"{"message":"no"}"#.utf8)) }
            _ = try await Courier(phone, transport: refusing).deliver()
            #expect(try await state(phone, request.id) == expected)
        }
    }

    @Test func aBrokenTransportIsNoSecretAndLosesNothing() async throws {
        let phone = try await openPhone()
        let request = try await receive(phone, registered(phone), 1)
        await #expect(throws: Bug.self) { try await Courier(phone, transport: Recorder { _ in throw Bug() }).approve(request.id, .tap) }
        try await phone.call { try $0.retryNow() }
        #expect(try await Courier(phone, transport: Recorder()).deliver().count == 1)
        #expect(try await state(phone, request.id) == .approved)
    }

    @Test func aRefusedRegistrationIsToldAndAServerWithoutPullIsNoError() async throws {
        let phone = try await openPhone()
        let refusing = Recorder { _ in HttpResponse(status: 400, date: nil, body: Data(#"{"message":"Bad request."}"#.utf8)) }
        let refused = try await Courier(phone, transport: refusing).enrol(registrationCode(), enrolment())
        #expect(refused == .refused(status: 400, message: "Bad request."))
        #expect(try await phone.call { try $0.accounts() } == [])

        let account = try await registered(phone).account.id
        let without = Recorder { _ in HttpResponse(status: 404, date: nil, body: Data()) }
        #expect(try await Courier(phone, transport: without).pull().map(\.outcome) == [.answered(.notOffered)])
        let odd = Recorder { _ in HttpResponse(status: 200, date: nil, body: Data("<html>".utf8)) }
        let pulled = try #require(try await Courier(phone, transport: odd).pull().first)
        guard case .rejected(let reason) = pulled.outcome else {
            Issue.record("\(pulled)")
            return
        }
        #expect(reason.code == "response-unreadable" && pulled.accountId == account)
    }

    @Test func aClockThatIsOffIsSetRightByOneMorePull() async throws {
        let phone = try await openPhone()
        _ = try await registered(phone)
        let ahead = Int64(Date().timeIntervalSince1970) + 3600
        let asked = Box<[Int64]>([])
        let courier = Courier(phone, transport: Recorder { post in
            let at = try claims(json(post.body)["jwt"])["iat"] as? Int64
            asked.change { $0.append(at ?? 0) }
            return asked.value.count == 1
                ? HttpResponse(status: 400, date: date(ahead), body: Data(#"{"code":400,"reason":"Bad Request","message":"clock"}"#.utf8))
                : HttpResponse(status: 200, date: date(ahead), body: Data(#"{"messages":[]}"#.utf8))
        })
        #expect(try await courier.pull().map(\.outcome) == [.answered(.messages(notifications: [], refused: [], withdrawn: []))])
        #expect(asked.value.count == 2)
        #expect(asked.value[0] < ahead - 3000 && (ahead - 5...ahead + 60).contains(asked.value[1]), "\(asked.value)")
    }
}
