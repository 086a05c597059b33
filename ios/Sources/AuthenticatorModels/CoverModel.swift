import Observation
import PushAuthenticator

/// What lies over the list of accounts: one thing at a time, and nothing while the app is locked. A sign-on request comes
/// before the camera, and waits for who is typing or confirming.
@MainActor @Observable
public final class CoverModel {
    public enum Cover: Hashable, Identifiable, Sendable {
        case request, scanner, entry, enrolment
        case renaming(Account)

        public var id: Self { self }
    }

    private let app: AppModel
    private let accounts: AccountsModel
    private let requests: RequestsModel
    private let enrolment: EnrolmentModel
    /// What the person opened.
    private var opened: Cover?
    /// The request whose denial the person is asked the reason of.
    private var reasonAskedOf: String?

    public init(app: AppModel, accounts: AccountsModel, requests: RequestsModel, enrolment: EnrolmentModel) {
        self.app = app
        self.accounts = accounts
        self.requests = requests
        self.enrolment = enrolment
    }

    public var cover: Cover? {
        if app.isLocked { return nil }
        switch opened {
        case .entry, .renaming: return opened
        default: break
        }
        if enrolment.state != .waiting { return .enrolment }
        return requests.shown == nil ? opened : .request
    }

    /// The question whether an account is to be removed.
    public var isRemovalAsked: Bool { accounts.removal != nil && !app.isLocked }

    public func scan() { opened = .scanner }
    public func type() { opened = .entry }
    public func rename(_ account: Account) { opened = .renaming(account) }

    /// The person closed what was there; what took its place meanwhile stays, and so does what the app's lock covers.
    public func close(_ closed: Cover?) {
        guard let closed, closed == cover else { return }
        switch closed {
        // Its result is worth seeing.
        case .request: if !isAnswering { requests.dismiss() }
        case .enrolment: enrolment.cancel()
        case .scanner, .entry, .renaming: opened = nil
        }
    }

    /// The person answered the question of removal.
    public func decideRemoval(_ isConfirmed: Bool) async {
        guard isRemovalAsked else { return }
        await accounts.decideRemoval(isConfirmed)
    }

    /// The camera saw a code.
    public func read(_ code: String) async {
        opened = nil
        await enrolment.read(code)
    }

    /// An account was typed in.
    ///
    /// - Returns: what is wrong with it: then it can be mended where it was typed
    public func read(_ entry: ManualEntry) async -> Failure? {
        // A code that is being confirmed lies beneath this, for instance.
        enrolment.cancel()
        let failure = await enrolment.read(entry)
        if opened != .entry {
            // Closed meanwhile.
            if failure == nil { enrolment.cancel() }
        } else if failure == nil {
            opened = nil
        }
        return failure
    }

    private var isAnswering: Bool { requests.shown?.state == .answering }

    /// What the app was opened with.
    public struct Opening: Equatable, Sendable {
        var code: String?
        var request: String?
    }

    /// What the app was opened with and can come to the front now: a code not before another one was decided, and nothing
    /// in the place of a request that is being answered. What cannot stays, until it can.
    public var opening: Opening? {
        guard !app.isLocked, !isAnswering else { return nil }
        let mayRead = enrolment.canRead && [nil, .scanner].contains(opened)
        let opening = Opening(code: mayRead ? app.openedCode : nil, request: app.openedRequest)
        return opening == Opening() ? nil : opening
    }

    /// Brings what the app was opened with to the front. To be called whenever ``opening`` changes.
    public func takeOpening() async {
        guard let opening else { return }
        if opening.code != nil, let code = app.takeOpenedCode() { await read(code) }
        if opening.request != nil, !isAnswering, let id = app.takeOpenedRequest() { await show(requestId: id) }
    }

    /// The question why a request is denied; not while the app is locked.
    public var isReasonAsked: Bool { cover == .request && reasonAskedOf != nil && reasonAskedOf == requests.shown?.id }

    /// The person denies the request on the screen, whose server takes a reason.
    public func askReason() { reasonAskedOf = requests.shown?.id }

    /// The question was closed, with an answer or without; what the app's lock covers is not closed by that.
    public func closeReason() { if isReasonAsked { reasonAskedOf = nil } }

    /// The person said why the request on the screen is denied.
    public func deny(_ reason: DenyReason) async {
        guard cover == .request else { return }
        reasonAskedOf = nil
        await requests.shown?.deny(reason)
    }

    /// The person tapped a request in the system's list of notifications: it comes before all else.
    public func show(requestId: String) async {
        opened = nil
        enrolment.cancel()
        await requests.show(id: requestId)
    }
}
