// Stub for the parts of Apple's BackgroundTasks that AuthenticatorDevice uses, for systems without it. Runs what a test
// asks for.
import Dispatch
import Foundation

open class BGTask: @unchecked Sendable {
    public var expirationHandler: (() -> Void)?
    private let completed: @Sendable (Bool) -> Void
    public init(completed: @escaping @Sendable (Bool) -> Void) { self.completed = completed }
    public func setTaskCompleted(success: Bool) { completed(success) }
}

open class BGTaskRequest: @unchecked Sendable {
    public let identifier: String
    public var earliestBeginDate: Date?
    public init(identifier: String) { self.identifier = identifier }
}

open class BGAppRefreshTaskRequest: BGTaskRequest, @unchecked Sendable {}

open class BGTaskScheduler: @unchecked Sendable {
    public static let shared = BGTaskScheduler()
    public private(set) var handlers: [String: (BGTask) -> Void] = [:]
    public private(set) var requests: [BGTaskRequest] = []

    public func register(forTaskWithIdentifier identifier: String, using _: DispatchQueue?, launchHandler: @escaping (BGTask) -> Void) -> Bool {
        handlers[identifier] = launchHandler
        return true
    }

    public func submit(_ request: BGTaskRequest) throws { requests.append(request) }
}
