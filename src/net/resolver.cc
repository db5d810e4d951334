// SPDX-License-Identifier: ISC

#include "net/resolver.h"

#include "net/loop.h"

#include <condition_variable>
#include <csignal>
#include <deque>
#include <mutex>
#include <netdb.h>
#include <thread>
#include <utility>

namespace tunnel {

// Shared by the asker and the helper. The asker takes the loop away to drop the answer.
struct Resolver::Query::Job {
    std::string host;
    uint16_t port = 0;
    std::mutex mutex;
    Loop *loop = nullptr; // under the mutex; null: nobody waits any more
    Answer answer;        // called on the loop's thread only

    bool wanted();
    void drop();
};

bool Resolver::Query::Job::wanted()
{
    std::lock_guard lock(mutex);
    return loop != nullptr;
}

void Resolver::Query::Job::drop()
{
    std::lock_guard lock(mutex);
    loop = nullptr;
}

namespace {

using Job = Resolver::Query::Job;

constexpr size_t waiting_max = 256; // lookups

struct Found {
    std::vector<Address> addresses;
    std::string error;
};

// RFC 8305 section 4: the families take turns, the resolver's first one begins.
std::vector<Address> interleave(const std::vector<Address> &addresses)
{
    std::vector<Address> first, second, result;
    for (const Address &address : addresses)
        (address.family() == addresses[0].family() ? first : second).push_back(address);
    for (size_t i = 0; i < first.size() || i < second.size(); i++) {
        if (i < first.size())
            result.push_back(first[i]);
        if (i < second.size())
            result.push_back(second[i]);
    }
    return result;
}

Found look_up(const std::string &host, uint16_t port)
{
    addrinfo hints = {}, *list = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;
    int result = getaddrinfo(host.c_str(), nullptr, &hints, &list);
    if (result != 0)
        return {{}, host + ": " + gai_strerror(result)};
    Found found;
    for (addrinfo *entry = list; entry; entry = entry->ai_next) {
        found.addresses.emplace_back(entry->ai_addr, entry->ai_addrlen);
        found.addresses.back().set_port(port);
    }
    freeaddrinfo(list);
    found.addresses = interleave(found.addresses);
    return found;
}

// The loop cannot go away meanwhile: whoever asked drops the job first, and waits for the mutex.
// A job that is dropped between here and there has no answer to give.
void post_answer(const std::shared_ptr<Job> &job, Found found)
{
    std::lock_guard lock(job->mutex);
    if (!job->loop)
        return;
    job->loop->post([job, found = std::move(found)] {
        if (job->wanted())
            std::exchange(job->answer, nullptr)(found.addresses, found.error);
    });
}

// The thread that waits for getaddrinfo. It is never joined, since a lookup may take a minute
// and an exit must not; so what it uses is never destroyed.
class Helper {
public:
    static Helper &get()
    {
        static Helper *helper = new Helper;
        return *helper;
    }
    bool ask(std::shared_ptr<Job> job);

private:
    void start();
    void serve();

    std::mutex mutex_;
    std::condition_variable asked_;
    std::deque<std::shared_ptr<Job>> jobs_;
    bool running_ = false;
};

bool Helper::ask(std::shared_ptr<Job> job)
{
    std::lock_guard lock(mutex_);
    if (jobs_.size() >= waiting_max)
        return false;
    jobs_.push_back(std::move(job));
    if (!running_)
        start();
    asked_.notify_one();
    return true;
}

// Signals are the main thread's.
void Helper::start()
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread([this] { serve(); }).detach();
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    running_ = true;
}

void Helper::serve()
{
    for (;;) {
        std::unique_lock lock(mutex_);
        asked_.wait(lock, [this] { return !jobs_.empty(); });
        auto job = std::move(jobs_.front());
        jobs_.pop_front();
        lock.unlock();
        if (job->wanted())
            post_answer(job, look_up(job->host, job->port));
    }
}

} // namespace

Resolver::Query::~Query()
{
    job_->drop();
    job_->answer = nullptr;
}

std::vector<Address> Resolver::literal(const std::string &host, uint16_t port)
{
    if (host == "localhost" || host.ends_with(".localhost"))
        return {*Address::numeric("127.0.0.1", port), *Address::numeric("::1", port)};
    if (auto address = Address::numeric(host, port))
        return {*address};
    return {};
}

std::unique_ptr<Resolver::Query> Resolver::resolve(Loop &loop, const std::string &host,
                                                   uint16_t port, Answer answer)
{
    auto query = std::make_unique<Query>();
    query->job_ = std::make_shared<Query::Job>();
    query->job_->host = host;
    query->job_->port = port;
    query->job_->loop = &loop;
    query->job_->answer = std::move(answer);

    auto addresses = literal(host, port);
    if (!addresses.empty())
        post_answer(query->job_, {std::move(addresses), ""});
    else if (!Helper::get().ask(query->job_))
        post_answer(query->job_, {{}, host + ": too many lookups are waiting"});
    return query;
}

} // namespace tunnel
