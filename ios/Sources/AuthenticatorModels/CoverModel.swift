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
        case .request: requests.dismiss()
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
    public func read(_ entry: ManualEntry) async {
        opened = nil
        await enrolment.read(entry)
    }

    /// The person tapped a request in the system's list of notifications: it comes before all else.
    public func show(requestId: String) async {
        opened = nil
        enrolment.cancel()
        await requests.show(id: requestId)
    }
}
